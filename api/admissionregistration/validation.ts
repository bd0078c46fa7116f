/** Webhook configurations and admission policies. Upstream: pkg/apis/admissionregistration/validation. CEL is the API server's to compile. */
import { absent, oneOf, requiredOneOf, requiredText, syntax, validateLabelSelector } from '../meta/checks.ts'
import {
  child,
  duplicate,
  type FieldError,
  forbiddenField,
  invalid,
  notSupported,
  required,
} from '../meta/field-error.ts'
import { isDns1123Label, isDns1123Subdomain, isValidPortNum } from '../meta/names.ts'
import type {
  MutatingAdmissionPolicy,
  MutatingAdmissionPolicyBinding,
  MutatingWebhookConfiguration,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
  ValidatingWebhookConfiguration,
} from '../types.ts'

type Webhook =
  | NonNullable<ValidatingWebhookConfiguration['webhooks']>[number]
  | NonNullable<MutatingWebhookConfiguration['webhooks']>[number]
type Rule = NonNullable<Webhook['rules']>[number]
type MatchResources = NonNullable<NonNullable<ValidatingAdmissionPolicy['spec']>['matchConstraints']>
interface MatchCondition {
  readonly name: string
  readonly expression: string
}

const operations = ['*', 'CONNECT', 'CREATE', 'DELETE', 'UPDATE']
const scopes = ['*', 'Cluster', 'Namespaced']
const failurePolicies = ['Fail', 'Ignore']
const matchPolicies = ['Equivalent', 'Exact']
const maxTimeoutSeconds = 30
const maxMatchConditions = 64

const starAlone = (values: readonly string[] | undefined, path: string, what: string): FieldError[] =>
  (values ?? []).length > 1 && values?.includes('*')
    ? [invalid(path, values, `if '*' is present, must not specify other ${what}`)]
    : []

const validateRule = (rule: Rule, path: string, allowSubresources = true): FieldError[] => {
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

const validateMatchConditions = (conditions: readonly MatchCondition[] | undefined, path: string): FieldError[] => {
  const list = conditions ?? []
  const errors: FieldError[] = []
  if (list.length > maxMatchConditions) {
    errors.push({
      type: 'FieldValueTooMany',
      field: path,
      detail: `Too many: ${list.length}: must have at most ${maxMatchConditions} items`,
    })
  }
  const names = new Set<string>()
  for (const [index, condition] of list.entries()) {
    const at = child(path, index)
    errors.push(...requiredText(child(at, 'expression'), condition.expression?.trim()))
    if (absent(condition.name)) errors.push(required(child(at, 'name')))
    else if (names.has(condition.name)) errors.push(duplicate(child(at, 'name'), condition.name))
    names.add(condition.name)
  }
  return errors
}

const isHttps = (url: string): boolean => URL.canParse(url) && new URL(url).protocol === 'https:'

const validateClientConfig = (config: Webhook['clientConfig'] | undefined, path: string): FieldError[] => {
  const { url, service } = config ?? {}
  if ((url === undefined) === (service === undefined))
    return [required(path, 'exactly one of url or service is required')]
  if (url !== undefined) {
    return isHttps(url)
      ? []
      : [
          invalid(
            child(path, 'url'),
            url,
            `'https' is the only allowed URL scheme; desired format: https://host[/path]`,
          ),
        ]
  }
  const at = child(path, 'service')
  const errors = [
    ...requiredText(child(at, 'name'), service?.name, 'service name is required'),
    ...requiredText(child(at, 'namespace'), service?.namespace, 'service namespace is required'),
    ...isValidPortNum(service?.port ?? 443).map((message) =>
      invalid(child(at, 'port'), service?.port, `port is not valid: ${message}`),
    ),
  ]
  const servicePath = service?.path
  if (servicePath !== undefined && servicePath !== '' && !servicePath.startsWith('/')) {
    errors.push(invalid(child(at, 'path'), servicePath, "must start with a '/'"))
  }
  return errors
}

/** At least three parts: `name.example.com`. */
const validateQualifiedWebhookName = (name: string | undefined, path: string): FieldError[] => {
  if (absent(name)) return [required(path)]
  const errors = syntax(path, name ?? '', isDns1123Subdomain)
  return errors.length === 0 && (name ?? '').split('.').length < 3
    ? [invalid(path, name, 'should be a domain with at least three segments separated by dots')]
    : errors
}

const validateWebhook = (webhook: Webhook, path: string): FieldError[] => {
  const errors = validateQualifiedWebhookName(webhook.name, child(path, 'name'))
  const versions = webhook.admissionReviewVersions ?? []
  const versionsPath = child(path, 'admissionReviewVersions')
  if (versions.length === 0) {
    errors.push(required(versionsPath, 'must specify one of v1, v1beta1'))
  } else if (!versions.some((version) => version === 'v1' || version === 'v1beta1')) {
    errors.push(invalid(versionsPath, versions, 'must include at least one of v1, v1beta1'))
  }
  for (const [index, rule] of (webhook.rules ?? []).entries())
    errors.push(...validateRule(rule, child(path, 'rules', index)))
  errors.push(
    ...oneOf(child(path, 'failurePolicy'), webhook.failurePolicy, failurePolicies),
    ...oneOf(child(path, 'matchPolicy'), webhook.matchPolicy, matchPolicies),
  )
  if (absent(webhook.sideEffects))
    errors.push(required(child(path, 'sideEffects'), 'must specify one of None, NoneOnDryRun'))
  else errors.push(...oneOf(child(path, 'sideEffects'), webhook.sideEffects, ['None', 'NoneOnDryRun']))
  const timeout = webhook.timeoutSeconds
  if (timeout !== undefined && (timeout < 1 || timeout > maxTimeoutSeconds)) {
    errors.push(invalid(child(path, 'timeoutSeconds'), timeout, 'the timeout value must be between 1 and 30 seconds'))
  }
  return [
    ...errors,
    ...validateLabelSelector(webhook.namespaceSelector, child(path, 'namespaceSelector')),
    ...validateLabelSelector(webhook.objectSelector, child(path, 'objectSelector')),
    ...validateClientConfig(webhook.clientConfig, child(path, 'clientConfig')),
    ...validateMatchConditions(webhook.matchConditions, child(path, 'matchConditions')),
  ]
}

const validateWebhooks = (webhooks: readonly Webhook[] | undefined): FieldError[] => {
  const names = new Set<string>()
  return (webhooks ?? []).flatMap((webhook, index) => {
    const at = child('webhooks', index)
    const errors = validateWebhook(webhook, at)
    if (names.has(webhook.name)) errors.push(duplicate(child(at, 'name'), webhook.name))
    names.add(webhook.name)
    return errors
  })
}

export const validateValidatingWebhooks = ({ webhooks }: ValidatingWebhookConfiguration): FieldError[] =>
  validateWebhooks(webhooks)

export const validateMutatingWebhooks = ({ webhooks }: MutatingWebhookConfiguration): FieldError[] => [
  ...validateWebhooks(webhooks),
  ...(webhooks ?? []).flatMap((webhook, index) =>
    oneOf(child('webhooks', index, 'reinvocationPolicy'), webhook.reinvocationPolicy, ['Never', 'IfNeeded']),
  ),
]

const validateMatchResources = (match: MatchResources | undefined, path: string, needsRules: boolean): FieldError[] => {
  if (match === undefined) return needsRules ? [required(path)] : []
  const errors = oneOf(child(path, 'matchPolicy'), match.matchPolicy, matchPolicies)
  errors.push(
    ...validateLabelSelector(match.namespaceSelector, child(path, 'namespaceSelector')),
    ...validateLabelSelector(match.objectSelector, child(path, 'objectSelector')),
  )
  if (needsRules && (match.resourceRules ?? []).length === 0) errors.push(required(child(path, 'resourceRules')))
  for (const field of ['resourceRules', 'excludeResourceRules'] as const) {
    for (const [index, rule] of (match[field] ?? []).entries())
      errors.push(...validateRule(rule, child(path, field, index)))
  }
  return errors
}

interface ParamKind {
  readonly apiVersion?: string
  readonly kind?: string
}

const validateParamKind = (kind: ParamKind | undefined, path: string): FieldError[] =>
  kind === undefined
    ? []
    : [...requiredText(child(path, 'apiVersion'), kind.apiVersion), ...requiredText(child(path, 'kind'), kind.kind)]

export const validateValidatingAdmissionPolicy = ({ spec }: ValidatingAdmissionPolicy): FieldError[] => {
  const errors = oneOf('spec.failurePolicy', spec?.failurePolicy, failurePolicies)
  errors.push(
    ...validateParamKind(spec?.paramKind, 'spec.paramKind'),
    ...validateMatchResources(spec?.matchConstraints, 'spec.matchConstraints', true),
    ...validateMatchConditions(spec?.matchConditions, 'spec.matchConditions'),
  )
  const validations = spec?.validations ?? []
  if (validations.length === 0 && (spec?.auditAnnotations ?? []).length === 0) {
    errors.push(required('spec.validations', 'validations or auditAnnotations must contain at least one item'))
    errors.push(required('spec.auditAnnotations', 'validations or auditAnnotations must contain at least one item'))
  }
  for (const [index, { expression, reason }] of validations.entries()) {
    const at = child('spec.validations', index)
    errors.push(...requiredText(child(at, 'expression'), expression?.trim(), 'expression is not specified'))
    errors.push(
      ...oneOf(child(at, 'reason'), reason, ['Forbidden', 'Invalid', 'RequestEntityTooLarge', 'Unauthorized']),
    )
  }
  return errors
}

export const validateMutatingAdmissionPolicy = ({ spec }: MutatingAdmissionPolicy): FieldError[] => {
  const errors = oneOf('spec.failurePolicy', spec?.failurePolicy, failurePolicies)
  errors.push(
    ...validateParamKind(spec?.paramKind, 'spec.paramKind'),
    ...validateMatchResources(spec?.matchConstraints, 'spec.matchConstraints', true),
    ...validateMatchConditions(spec?.matchConditions, 'spec.matchConditions'),
    ...requiredOneOf('spec.reinvocationPolicy', spec?.reinvocationPolicy, ['IfNeeded', 'Never']),
  )
  const mutations = spec?.mutations ?? []
  if (mutations.length === 0) errors.push(required('spec.mutations', 'mutations must contain at least one item'))
  for (const [index, mutation] of mutations.entries()) {
    const at = child('spec.mutations', index)
    errors.push(...requiredOneOf(child(at, 'patchType'), mutation.patchType, ['ApplyConfiguration', 'JSONPatch']))
    const field = mutation.patchType === 'JSONPatch' ? 'jsonPatch' : 'applyConfiguration'
    const other = field === 'jsonPatch' ? 'applyConfiguration' : 'jsonPatch'
    errors.push(...requiredText(child(at, field, 'expression'), mutation[field]?.expression?.trim()))
    if (mutation[other] !== undefined)
      errors.push(
        forbiddenField(child(at, other), `may not be specified when patchType is ${mutation.patchType ?? ''}`),
      )
  }
  return errors
}

interface BindingSpec {
  readonly policyName?: string
  readonly paramRef?: {
    readonly name?: string
    readonly selector?: object
    readonly parameterNotFoundAction?: string
    readonly namespace?: string
  }
  readonly matchResources?: MatchResources
}

const validateBinding = (spec: BindingSpec | undefined): FieldError[] => {
  const errors = absent(spec?.policyName)
    ? [required('spec.policyName')]
    : syntax('spec.policyName', spec?.policyName ?? '', isDns1123Subdomain)
  const ref = spec?.paramRef
  if (ref !== undefined) {
    const path = 'spec.paramRef'
    if (!absent(ref.name) && ref.selector !== undefined)
      errors.push(forbiddenField(child(path, 'name'), 'name and selector are mutually exclusive'))
    if (absent(ref.name) && ref.selector === undefined)
      errors.push(required(path, 'one of name or selector must be specified'))
    if (!absent(ref.namespace)) errors.push(...syntax(child(path, 'namespace'), ref.namespace ?? '', isDns1123Label))
    errors.push(
      ...requiredOneOf(child(path, 'parameterNotFoundAction'), ref.parameterNotFoundAction, ['Allow', 'Deny']),
    )
  }
  return [...errors, ...validateMatchResources(spec?.matchResources, 'spec.matchResources', false)]
}

export const validateMutatingAdmissionPolicyBinding = ({ spec }: MutatingAdmissionPolicyBinding): FieldError[] =>
  validateBinding(spec)

export const validateValidatingAdmissionPolicyBinding = ({ spec }: ValidatingAdmissionPolicyBinding): FieldError[] => {
  const errors = validateBinding(spec)
  const actions = spec?.validationActions ?? []
  const path = 'spec.validationActions'
  if (actions.length === 0) errors.push(required(path, 'at least one validation action is required'))
  const seen = new Set<string>()
  for (const [index, action] of actions.entries()) {
    if (!['Audit', 'Deny', 'Warn'].includes(action))
      errors.push(notSupported(child(path, index), action, ['Audit', 'Deny', 'Warn']))
    if (seen.has(action)) errors.push(duplicate(child(path, index), action))
    seen.add(action)
  }
  if (seen.has('Deny') && seen.has('Warn')) {
    errors.push(
      invalid(
        path,
        actions,
        'must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)',
      ),
    )
  }
  return errors
}
