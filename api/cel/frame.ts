/** The state of one evaluation: variables, and what it has cost so far. */
import { CelCostError, CelError, type Value } from './values.ts'

/** The value of a variable; undefined where it has none. */
export type Variables = (name: string) => Value | undefined

/** A planned expression. Throws CelError, CelCostError. */
export type Evaluate = (frame: Frame) => Value

export class Frame {
  readonly variables: Variables
  /** Local variables of comprehensions; an error stands for a value that could not be had. */
  readonly slots: (Value | CelError)[]
  cost = 0
  readonly #limit: number

  constructor(variables: Variables, slots: number, limit: number) {
    this.variables = variables
    this.slots = Array.from({ length: slots }, () => null)
    this.#limit = limit
  }

  /** Throws CelCostError where that is too much. */
  charge(units: number): void {
    this.cost += units
    if (this.cost > this.#limit) throw new CelCostError()
  }

  /** The value, or the error that stands in its place. */
  attempt(evaluate: Evaluate | undefined): Value | CelError {
    try {
      return evaluate?.(this) ?? null
    } catch (error) {
      if (error instanceof CelError) return error
      throw error
    }
  }
}
