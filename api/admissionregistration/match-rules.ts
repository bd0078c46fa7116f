/** What webhooks and policies share: the rules and conditions by which they choose requests. */
import { absent, oneOf } from '../meta/checks.ts'
import { child, duplicate, type FieldError, invalid, notSupported, required, tooMany } from '../meta/field-error.ts'
import { isQualifiedName } from '../meta/names.ts'
import { boolResult } from '../cel/admission-environment.ts'
import type { Environment } from '../cel/environment.ts'
import { checkExpression } from '../cel/validate.ts'
import type { MutatingWebhookConfiguration, ValidatingWebhookConfiguration } from '../types.ts'

export type Webhook =
  | NonNullable<ValidatingWebhookConfiguration['webhooks']>[number]
  | NonNullable<MutatingWebhookConfiguration['webhooks']>[number]
type Rule = NonNullable<Webhook['rules']>[number]
interface MatchCondition {
  readonly name: string
  readonly expression: string
}

const operations = ['*', 'CONNECT', 'CREATE', 'DELETE', 'UPDATE']
const scopes = ['*', 'Cluster', 'Namespaced']
export const failurePolicies = ['Fail', 'Ignore']
export const matchPolicies = ['Equivalent', 'Exact']
const maxMatchConditions = 64

const starAlone = (values: readonly string[] | undefined, path: string, what: string): FieldError[] =>
  (values ?? []).length > 1 && values?.includes('*')
    ? [invalid(path, values, `if '*' is present, must not specify other ${what}`)]
    : []

export const validateRule = (rule: Rule, path: string, allowSubresources = true): FieldError[] => {
  const errors: FieldError[] = []
  const list = (field: 'apiGroups' | 'apiVersions' | 'resources' | 'operations', what: string): void => {
    const values = rule[field] ?? []
    if (values.length === 0) errors.push(required(child(path, field)))
    errors.push(...starAlone(values, child(path, field), what))
  }
  list('operations', 'operations')
  for (const [index, operation] of (rule.operations ?? []).entries()) {
    if (!operations.includes(operation))
      errors.push(notSupported(child(path, 'operations', index), operation, operations))
  }
  list('apiGroups', 'API groups')
  list('apiVersions', 'API versions')
  for (const [index, version] of (rule.apiVersions ?? []).entries()) {
    if (version === '') errors.push(required(child(path, 'apiVersions', index)))
  }
  const resources = rule.resources ?? []
  if (resources.length === 0) errors.push(required(child(path, 'resources')))
  for (const [index, resource] of resources.entries()) {
    if (resource === '') errors.push(required(child(path, 'resources', index)))
    if (!allowSubresources && resource.includes('/')) {
      errors.push(invalid(child(path, 'resources', index), resource, 'must not contain subresources'))
    }
  }
  return [...errors, ...oneOf(child(path, 'scope'), rule.scope, scopes)]
}

/** The conditions may name what the environment has. */
export const validateMatchConditions = (
  conditions: readonly MatchCondition[] | undefined,
  path: string,
  environment: () => Environment,
): FieldError[] => {
  const list = conditions ?? []
  const errors: FieldError[] = list.length > maxMatchConditions ? [tooMany(path, list.length, maxMatchConditions)] : []
  const names = new Set<string>()
  for (const [index, { name, expression }] of list.entries()) {
    const at = child(path, index)
    const text = (expression ?? '').trim()
    if (text === '') errors.push(required(child(at, 'expression')))
    else errors.push(...checkExpression(child(at, 'expression'), text, environment(), boolResult).errors)
    if (absent(name)) errors.push(required(child(at, 'name')))
    else errors.push(...isQualifiedName(name).map((message) => invalid(child(at, 'name'), name, message)))
    if (names.has(name)) errors.push(duplicate(child(at, 'name'), name))
    if (!absent(name)) names.add(name)
  }
  return errors
}
