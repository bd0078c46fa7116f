/** The door to CEL: text in, a function out. */
import type { Expr } from './ast.ts'
import { type Checked, check } from './checker.ts'
import type { Environment } from './environment.ts'
import { Frame, type Variables } from './frame.ts'
import { parse } from './parser.ts'
import { type Plan, plan } from './planner.ts'
import type { Type } from './types.ts'
import type { Value } from './values.ts'

export interface Program {
  /** The static type of the result; dyn where only evaluation can tell. */
  readonly type: Type
  /** Throws CelError where evaluation fails, CelCostError where it costs more than `costLimit`. */
  readonly evaluate: (variables: Variables, costLimit?: number) => Evaluation
}

export interface Evaluation {
  readonly value: Value
  /** In upstream's units. */
  readonly cost: number
}

const run = (planned: Plan, variables: Variables, costLimit: number): Evaluation => {
  const frame = new Frame(variables, planned.slots, costLimit)
  const value = planned.evaluate(frame)
  return { value, cost: frame.cost }
}

/** An expression with its types. */
export interface CheckedSource {
  readonly root: Expr
  readonly checked: Checked
}

/** Parses and checks an expression. Throws CelSourceError, whose message is cel-go's. */
export const checkSource = (source: string, environment: Environment): CheckedSource => {
  const root = parse(source)
  return { root, checked: check(source, root, environment) }
}

/** The same, and a plan that runs. */
export const compile = (source: string, environment: Environment): Program => {
  const { root, checked } = checkSource(source, environment)
  const planned = plan(root, environment, checked.overloads)
  return {
    type: checked.typeOf(root),
    evaluate: (variables, costLimit = Infinity) => run(planned, variables, costLimit),
  }
}

/** The same without types: every overload is chosen as the expression runs. */
export const compileUnchecked = (source: string, environment: Environment): Omit<Program, 'type'> => {
  const planned = plan(parse(source), environment)
  return { evaluate: (variables, costLimit = Infinity) => run(planned, variables, costLimit) }
}
