/** What a ValidatingAdmissionPolicy says of one request. Upstream: plugin/policy/validating/validator.go */
import { CelCostError, CelError, type Value } from '../../../api/cel/values.ts'
import type { StatusReason } from '../../../api/meta/status-error.ts'
import type { ValidatingAdmissionPolicy } from '../../../api/types.ts'
import {
  type Budget,
  BudgetError,
  compilePolicy,
  evaluateConditions,
  type Expression,
  type ExpressionCompiler,
  failureText,
  policyBudget,
  type Variables,
} from './expressions.ts'

export interface Denial {
  readonly message: string
  readonly reason: StatusReason
  readonly expressionIndex: number
  /** An evaluation that failed, where the policy does not say that failures are ignored. */
  readonly isError: boolean
}

export interface Verdict {
  readonly denials: readonly Denial[]
  /** Audit annotations by key. */
  readonly annotations: ReadonlyMap<string, string>
}

interface Validation {
  readonly expression: Expression
  readonly message: string
  readonly messageExpression: Expression | undefined
  readonly reason: StatusReason
}

export interface CompiledPolicy extends ExpressionCompiler {
  readonly failsClosed: boolean
  readonly validations: readonly Validation[]
  readonly annotations: readonly { readonly key: string; readonly expression: Expression }[]
}

/** Longer messages, and those of several lines, give way to the plain one. */
const maxMessageBytes = 5 * 1024
const maxAnnotationBytes = 10 * 1024
const nothing: Verdict = { denials: [], annotations: new Map() }

export const compileValidatingPolicy = ({ spec = {} }: ValidatingAdmissionPolicy): CompiledPolicy => {
  const compiler = compilePolicy(spec, { mutates: false })
  return {
    ...compiler,
    failsClosed: spec.failurePolicy !== 'Ignore',
    validations: (spec.validations ?? []).map(({ expression, message = '', messageExpression = '', reason }) => ({
      expression: compiler.compile(expression),
      message: message.trim(),
      messageExpression: messageExpression === '' ? undefined : compiler.compile(messageExpression, false),
      reason: (reason ?? 'Invalid') as StatusReason,
    })),
    annotations: (spec.auditAnnotations ?? []).map(({ key, valueExpression }) => ({
      key,
      expression: compiler.compile(valueExpression),
    })),
  }
}

const messageOf = (validation: Validation, variables: Variables, budget: Budget): string => {
  const { expression, message, messageExpression } = validation
  const plain = message === '' ? `failed expression: ${expression.text.trim()}` : message
  if (messageExpression === undefined) return plain
  let text: Value
  try {
    text = messageExpression.evaluate(variables, budget)
  } catch (error) {
    if (error instanceof BudgetError) throw error
    if (error instanceof CelError || error instanceof CelCostError) return plain
    throw error
  }
  const trimmed = typeof text === 'string' ? text.trim() : ''
  const usable = trimmed !== '' && !/[\n\r]/.test(trimmed) && Buffer.byteLength(trimmed) <= maxMessageBytes
  return usable ? trimmed : plain
}

const annotationsOf = ({ annotations, failsClosed }: CompiledPolicy, variables: Variables, budget: Budget) => {
  const values = new Map<string, string>()
  const denials: Denial[] = []
  for (const { key, expression } of annotations) {
    try {
      const value = expression.evaluate(variables, budget)
      const text = typeof value === 'string' ? value.trim() : ''
      if (text !== '') values.set(key, Buffer.from(text).subarray(0, maxAnnotationBytes).toString())
    } catch (error) {
      const message = failureText(expression, error)
      if (failsClosed) denials.push({ message, reason: 'Invalid', expressionIndex: 0, isError: true })
    }
  }
  return { values, denials }
}

/** Evaluates all there is to the policy for one request and one parameter. */
export const judge = (policy: CompiledPolicy, request: Variables): Verdict => {
  const refuse = (message: string): Verdict => ({
    ...nothing,
    denials: policy.failsClosed ? [{ message, reason: 'Invalid', expressionIndex: 0, isError: true }] : [],
  })
  const matched = evaluateConditions(policy.conditions, request)
  if (matched.type === 'error') return refuse(matched.message)
  if (matched.type === 'no-match') return nothing

  const budget: Budget = { left: policyBudget }
  const variables = policy.bind(request, budget)
  const denials: Denial[] = []
  for (const [expressionIndex, validation] of policy.validations.entries()) {
    const { expression, reason } = validation
    try {
      if (expression.evaluate(variables, budget) === true) continue
      const message = messageOf(validation, variables, budget)
      denials.push({ message, reason, expressionIndex, isError: false })
    } catch (error) {
      const message = failureText(expression, error)
      if (policy.failsClosed) denials.push({ message, reason: 'Invalid', expressionIndex, isError: true })
      if (error instanceof BudgetError) return { ...nothing, denials }
    }
  }
  const annotated = annotationsOf(policy, variables, budget)
  return { denials: [...denials, ...annotated.denials], annotations: annotated.values }
}
