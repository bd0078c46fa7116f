/** The state of one evaluation: variables, and what it has cost so far. */
import { CelCostError, CelError, isList, type Value } from './values.ts'

/** The value of a variable; undefined where it has none. */
export type Variables = (name: string) => Value | undefined

/** A planned expression. Throws CelError, CelCostError. */
export type Evaluate = (frame: Frame) => Value

/**
 * Some calls take longer than their cost says: `size` of a long string is walked every time. Upstream interrupts what
 * outlives its request; we cannot wait so long, as nobody else is served meanwhile.
 */
const maxMs = 2_000
/** Charges between two looks at the clock. */
const between = 16
/** Characters and elements that calls make together: lists that cel-go joins by reference are copied here. */
const maxMade = 50_000_000

export class Frame {
  readonly variables: Variables
  /** Local variables of comprehensions; an error stands for a value that could not be had. */
  readonly slots: (Value | CelError)[]
  cost = 0
  readonly #limit: number
  readonly #deadline = performance.now() + maxMs
  #charges = 0
  #made = 0

  constructor(variables: Variables, slots: number, limit: number) {
    this.variables = variables
    this.slots = Array.from({ length: slots }, () => null)
    this.#limit = limit
  }

  /** Throws CelCostError where that is too much. */
  charge(units: number): void {
    this.cost += units
    if (this.cost > this.#limit) throw new CelCostError()
    if (++this.#charges % between === 0 && performance.now() > this.#deadline) {
      throw new CelCostError('operation interrupted')
    }
  }

  /** Takes down what a call has made. Throws CelCostError where that is too much together. */
  made(value: Value): void {
    if (typeof value !== 'string' && !isList(value) && !(value instanceof Uint8Array)) return
    this.#made += value.length
    if (this.#made > maxMade) throw new CelCostError('operation interrupted')
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
