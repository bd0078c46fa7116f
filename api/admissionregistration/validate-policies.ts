/** Admission policies: what they are about, and that their expressions compile. Upstream: as validate-webhooks.ts. */
import { oneOf, requiredOneOf } from '../meta/checks.ts'
import { child, duplicate, type FieldError, forbiddenField, invalid, required } from '../meta/field-error.ts'
import { isQualifiedName } from '../meta/names.ts'
import {
  admissionEnvironment,
  applyConfigurationResult,
  auditResult,
  boolResult,
  jsonPatchResult,
  stringResult,
} from '../cel/admission-environment.ts'
import { isReserved } from '../cel/parser.ts'
import { dyn, type Type } from '../cel/types.ts'
import { checkExpression } from '../cel/validate.ts'
import type { MutatingAdmissionPolicy, ValidatingAdmissionPolicy } from '../types.ts'
import { validateMatchResources, validateParamKind } from './match-resources.ts'
import { failurePolicies, validateMatchConditions } from './match-rules.ts'

type Spec = NonNullable<ValidatingAdmissionPolicy['spec']>
type MutatingSpec = NonNullable<MutatingAdmissionPolicy['spec']>
type Validation = NonNullable<Spec['validations']>[number]
type AuditAnnotation = NonNullable<Spec['auditAnnotations']>[number]
type Variable = NonNullable<Spec['variables']>[number]
type Mutation = NonNullable<MutatingSpec['mutations']>[number]

const reasons = ['Forbidden', 'Invalid', 'RequestEntityTooLarge', 'Unauthorized']
const maxAuditAnnotations = 20
const maxAuditExpressionBytes = 5 * 1024
const celIdentifier = /^[_a-zA-Z][_a-zA-Z0-9]*$/

/** What a policy's expressions may name: its parameters, if it has any, and its variables up to there. */
interface Expressions {
  readonly hasParams: boolean
  readonly mutates: boolean
  /** Undefined where the policy has none; grows as they are checked. */
  readonly variables: Map<string, Type> | undefined
}

const expressionsOf = ({ paramKind, variables = [] }: Spec | MutatingSpec, mutates: boolean): Expressions => ({
  hasParams: paramKind !== undefined,
  mutates,
  variables: variables.length === 0 ? undefined : new Map(),
})

const environmentOf = ({ hasParams, mutates, variables }: Expressions, hasAuthorizer = true) =>
  admissionEnvironment({ hasParams, hasAuthorizer, mutates, ...(variables === undefined ? {} : { variables }) })

const blank = (text: string | undefined): boolean => (text ?? '').trim() === ''

const validateVariables = (variables: readonly Variable[] | undefined, expressions: Expressions): FieldError[] =>
  (variables ?? []).flatMap(({ name, expression }, index) => {
    const at = child('spec.variables', index)
    const errors: FieldError[] = []
    if (blank(name)) errors.push(required(child(at, 'name'), 'name is not specified'))
    else if (!celIdentifier.test(name) || isReserved(name))
      errors.push(invalid(child(at, 'name'), name, 'name is not a valid CEL identifier'))
    let type: Type | undefined
    if (blank(expression)) errors.push(required(child(at, 'expression'), 'expression is not specified'))
    else {
      const checked = checkExpression(child(at, 'expression'), expression, environmentOf(expressions))
      errors.push(...checked.errors)
      type = checked.type
    }
    expressions.variables?.set(name, type ?? dyn)
    return errors
  })

const validateMessage = (message: string | undefined, path: string): FieldError[] => {
  if (message === undefined || message === '') return []
  if (blank(message)) return [invalid(path, message, 'message must be non-empty if specified')]
  return /[\n\r]/.test(message.trim()) ? [invalid(path, message, 'message must not contain line breaks')] : []
}

const validateValidation = (validation: Validation, expressions: Expressions, path: string): FieldError[] => {
  const { expression, message, messageExpression, reason } = validation
  const errors: FieldError[] = []
  const at = child(path, 'expression')
  if (blank(expression)) errors.push(required(at, 'expression is not specified'))
  else errors.push(...checkExpression(at, expression, environmentOf(expressions), boolResult).errors)
  if (messageExpression !== undefined && messageExpression !== '') {
    const where = child(path, 'messageExpression')
    if (blank(messageExpression)) errors.push(invalid(where, messageExpression, 'must be non-empty if specified'))
    else
      errors.push(...checkExpression(where, messageExpression, environmentOf(expressions, false), stringResult).errors)
  }
  errors.push(...validateMessage(message, child(path, 'message')))
  return [...errors, ...oneOf(child(path, 'reason'), reason, reasons)]
}

const validateAuditAnnotation = (
  { key, valueExpression }: AuditAnnotation,
  policyName: string,
  expressions: Expressions,
  path: string,
): FieldError[] => {
  const errors =
    policyName === ''
      ? [invalid(child(path, 'key'), key, 'requires metadata.name be non-empty')]
      : isQualifiedName(`${policyName}/${key}`).map((message) =>
          invalid(child(path, 'key'), `${policyName}/${key}`, message),
        )
  const at = child(path, 'valueExpression')
  const expression = (valueExpression ?? '').trim()
  if (expression === '') return [...errors, required(at, 'valueExpression is not specified')]
  if (Buffer.byteLength(expression) > maxAuditExpressionBytes)
    return [...errors, required(at, `must not exceed ${maxAuditExpressionBytes} bytes in length`)]
  return [...errors, ...checkExpression(at, expression, environmentOf(expressions), auditResult).errors]
}

const validateAuditAnnotations = (
  annotations: readonly AuditAnnotation[] | undefined,
  policyName: string,
  expressions: Expressions,
): FieldError[] => {
  const list = annotations ?? []
  const path = 'spec.auditAnnotations'
  const errors: FieldError[] = []
  if (list.length > maxAuditAnnotations)
    errors.push(invalid(path, list, `must not have more than ${maxAuditAnnotations} auditAnnotations`))
  const keys = new Set<string>()
  for (const [index, annotation] of list.entries()) {
    const at = child(path, index)
    errors.push(...validateAuditAnnotation(annotation, policyName, expressions, at))
    if (keys.has(annotation.key)) errors.push(duplicate(child(at, 'key'), annotation.key))
    keys.add(annotation.key)
  }
  return errors
}

/** What both kinds of policies have in common. */
const validatePolicy = (spec: Spec | MutatingSpec, expressions: Expressions): FieldError[] => [
  ...requiredOneOf('spec.failurePolicy', spec.failurePolicy, failurePolicies),
  ...validateParamKind(spec.paramKind, 'spec.paramKind'),
  ...validateMatchResources(spec.matchConstraints, 'spec.matchConstraints', true),
  // Conditions are asked before there are variables, and build nothing.
  ...validateMatchConditions(spec.matchConditions, 'spec.matchConditions', () =>
    admissionEnvironment({ hasParams: expressions.hasParams, hasAuthorizer: true }),
  ),
  ...validateVariables(spec.variables, expressions),
]

export const validateValidatingAdmissionPolicy = ({ metadata, spec = {} }: ValidatingAdmissionPolicy): FieldError[] => {
  const expressions = expressionsOf(spec, false)
  const errors = validatePolicy(spec, expressions)
  const { validations = [], auditAnnotations = [] } = spec
  if (validations.length === 0 && auditAnnotations.length === 0) {
    const detail = 'validations or auditAnnotations must contain at least one item'
    return [...errors, required('spec.validations', detail), required('spec.auditAnnotations', detail)]
  }
  return [
    ...errors,
    ...validations.flatMap((validation, index) =>
      validateValidation(validation, expressions, child('spec.validations', index)),
    ),
    ...validateAuditAnnotations(auditAnnotations, metadata?.name ?? '', expressions),
  ]
}

const validateMutation = (mutation: Mutation, expressions: Expressions, path: string): FieldError[] => {
  const errors = requiredOneOf(child(path, 'patchType'), mutation.patchType, ['ApplyConfiguration', 'JSONPatch'])
  const [field, other] =
    mutation.patchType === 'JSONPatch'
      ? (['jsonPatch', 'applyConfiguration'] as const)
      : (['applyConfiguration', 'jsonPatch'] as const)
  const expression = mutation[field]?.expression ?? ''
  const at = child(path, field, 'expression')
  if (blank(expression)) errors.push(required(at))
  else {
    const result = field === 'jsonPatch' ? jsonPatchResult : applyConfigurationResult
    errors.push(...checkExpression(at, expression, environmentOf(expressions), result).errors)
  }
  if (mutation[other] !== undefined)
    errors.push(
      forbiddenField(child(path, other), `may not be specified when patchType is ${mutation.patchType ?? ''}`),
    )
  return errors
}

export const validateMutatingAdmissionPolicy = ({ spec = {} }: MutatingAdmissionPolicy): FieldError[] => {
  const expressions = expressionsOf(spec, true)
  const errors = [
    ...validatePolicy(spec, expressions),
    ...requiredOneOf('spec.reinvocationPolicy', spec.reinvocationPolicy, ['IfNeeded', 'Never']),
  ]
  const { mutations = [] } = spec
  if (mutations.length === 0) return [...errors, required('spec.mutations', 'mutations must contain at least one item')]
  return [
    ...errors,
    ...mutations.flatMap((mutation, index) => validateMutation(mutation, expressions, child('spec.mutations', index))),
  ]
}
