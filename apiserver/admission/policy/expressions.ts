/** The expressions of a policy, compiled once and evaluated within a budget. Upstream: plugin/cel/{condition,composition}.go */
import { admissionEnvironment } from '../../../api/cel/admission-environment.ts'
import type { Environment } from '../../../api/cel/environment.ts'
import { compile, type Program } from '../../../api/cel/program.ts'
import { CelSourceError } from '../../../api/cel/source-error.ts'
import { dyn, type Type } from '../../../api/cel/types.ts'
import { CelCostError, CelError, CelMap, type Value } from '../../../api/cel/values.ts'

/** Upstream: apiserver/pkg/apis/cel/config.go */
const maxCallCost = 1_000_000
export const policyBudget = 10_000_000
export const conditionBudget = 2_500_000

/** What evaluations may still cost together. */
export interface Budget {
  left: number
}

export type Variables = (name: string) => Value | undefined

export interface Expression {
  readonly text: string
  /** Throws CelError or CelCostError; both are results. */
  readonly evaluate: (variables: Variables, budget: Budget) => Value
}

export class BudgetError extends CelError {
  constructor() {
    super('validation failed due to running out of cost budget, no further validation rules will be run')
  }
}

const run = (program: Program, variables: Variables, budget: Budget): Value => {
  if (budget.left <= 0) throw new BudgetError()
  const { value, cost } = program.evaluate(variables, Math.min(maxCallCost, budget.left))
  budget.left -= cost
  return value
}

/** An expression that no longer compiles fails whenever it is evaluated. */
const failing = (text: string, message: string): Expression => ({
  text,
  evaluate: () => {
    throw new CelError(`compilation error: compilation failed: ${message}`)
  },
})

const compileIn = (text: string, environment: Environment): { expression: Expression; type: Type } => {
  try {
    const program = compile(text, environment)
    return {
      expression: { text, evaluate: (variables, budget) => run(program, variables, budget) },
      type: program.type,
    }
  } catch (error) {
    if (!(error instanceof CelSourceError)) throw error
    return { expression: failing(text, error.message), type: dyn }
  }
}

/** The policy's own variables: evaluated when they are first read, once a request. */
class LazyVariables extends CelMap {
  readonly #expressions: ReadonlyMap<string, Expression>
  readonly #variables: Variables
  readonly #budget: Budget
  readonly #values = new Map<string, Value>()

  constructor(expressions: ReadonlyMap<string, Expression>, variables: Variables, budget: Budget) {
    super()
    this.#expressions = expressions
    this.#variables = variables
    this.#budget = budget
  }
  get size(): number {
    return this.#expressions.size
  }
  keys(): Iterable<Value> {
    return this.#expressions.keys()
  }
  get(key: Value): Value | undefined {
    const expression = typeof key === 'string' ? this.#expressions.get(key) : undefined
    if (expression === undefined || typeof key !== 'string') return undefined
    let value = this.#values.get(key)
    if (value === undefined) {
      try {
        value = expression.evaluate((name) => (name === 'variables' ? this : this.#variables(name)), this.#budget)
      } catch (error) {
        if (!(error instanceof CelError) && !(error instanceof CelCostError)) throw error
        throw new CelError(`composited variable ${JSON.stringify(key)} fails to evaluate: ${error.message}`)
      }
      this.#values.set(key, value)
    }
    return value
  }
}

interface PolicyExpressions {
  readonly paramKind?: object
  readonly matchConditions?: readonly { readonly name: string; readonly expression: string }[]
  readonly variables?: readonly { readonly name: string; readonly expression: string }[]
}

export interface Condition {
  readonly name: string
  readonly expression: Expression
}

export interface ExpressionCompiler {
  readonly conditions: readonly Condition[]
  /** Compiles one of the policy's expressions, which may read its variables. */
  readonly compile: (text: string, hasAuthorizer?: boolean) => Expression
  /** The variables of a request together with those of the policy. */
  readonly bind: (variables: Variables, budget: Budget) => Variables
}

/** `mutates`: expressions may build patches and configurations. */
export const compilePolicy = (policy: PolicyExpressions, { mutates }: { mutates: boolean }): ExpressionCompiler => {
  const hasParams = policy.paramKind !== undefined
  const declared = policy.variables ?? []
  const types = declared.length === 0 ? undefined : new Map<string, Type>()
  const environment = (hasAuthorizer: boolean): Environment =>
    admissionEnvironment({ hasParams, hasAuthorizer, mutates, ...(types === undefined ? {} : { variables: types }) })
  const expressions = new Map<string, Expression>()
  for (const { name, expression: text } of declared) {
    const { expression, type } = compileIn(text, environment(true))
    expressions.set(name, expression)
    types?.set(name, type)
  }
  const plain = admissionEnvironment({ hasParams, hasAuthorizer: true })
  return {
    conditions: compileConditions(policy.matchConditions, plain),
    compile: (text, hasAuthorizer = true) => compileIn(text, environment(hasAuthorizer)).expression,
    bind: (variables, budget) => {
      const own = new LazyVariables(expressions, variables, budget)
      return (name) => (name === 'variables' ? own : variables(name))
    },
  }
}

/** Match conditions, of policies and of webhooks alike. */
export const compileConditions = (
  conditions: PolicyExpressions['matchConditions'],
  environment: Environment,
): readonly Condition[] =>
  (conditions ?? []).map(({ name, expression }) => ({
    name,
    expression: compileIn(expression.trim(), environment).expression,
  }))

export type ConditionResult =
  | { readonly type: 'match' }
  | { readonly type: 'no-match'; readonly condition: string }
  | { readonly type: 'error'; readonly message: string }

/** One false decides, whatever else fails. Upstream: matchconditions/matcher.go */
export const evaluateConditions = (conditions: readonly Condition[], variables: Variables): ConditionResult => {
  const budget: Budget = { left: conditionBudget }
  const errors: string[] = []
  for (const { name, expression } of conditions) {
    try {
      if (expression.evaluate(variables, budget) !== true) return { type: 'no-match', condition: name }
    } catch (error) {
      errors.push(failureText(expression, error))
    }
  }
  const [first] = errors
  if (first === undefined) return { type: 'match' }
  return { type: 'error', message: errors.length === 1 ? first : `[${errors.join(', ')}]` }
}

/** The text of a failed evaluation. Throws what is none. */
export const failureText = ({ text }: Expression, error: unknown): string => {
  if (error instanceof BudgetError) return error.message
  if (error instanceof CelError || error instanceof CelCostError)
    return `expression '${text}' resulted in error: ${error.message}`
  throw error
}
