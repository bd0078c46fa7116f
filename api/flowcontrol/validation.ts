/** FlowSchemas and PriorityLevelConfigurations. Upstream: pkg/apis/flowcontrol/validation. */
import { inRange, requiredText, syntax } from '../meta/checks.ts'
import { child, type FieldError, forbiddenField, invalid, notSupported, required } from '../meta/field-error.ts'
import { isDns1123Label, isDns1123Subdomain } from '../meta/names.ts'
import { semanticEqual } from '../meta/equal.ts'
import type { FlowSchema, PriorityLevelConfiguration } from '../types.ts'
import { mandatoryFlowSchemas, mandatoryPriorityLevels } from './bootstrap.ts'

type FlowSchemaSpec = NonNullable<FlowSchema['spec']>
type PriorityLevelSpec = NonNullable<PriorityLevelConfiguration['spec']>
type Rules = NonNullable<FlowSchemaSpec['rules']>[number]
type Subject = Rules['subjects'][number]
type ResourceRule = NonNullable<Rules['resourceRules']>[number]
type NonResourceRule = NonNullable<Rules['nonResourceRules']>[number]
type Limited = NonNullable<PriorityLevelSpec['limited']>
type Queuing = NonNullable<NonNullable<Limited['limitResponse']>['queuing']>

const maxPrecedence = 10_000
const maxQueues = 10_000_000
/** What a hash has, less what makes the last card of a hand uneven. Upstream: shufflesharding.MaxHashBits */
const maxHashBits = 60

const supportedVerbs = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'proxy', 'update', 'watch']

/** The parts of a subject that its kind must not have. */
const otherSubjects = (subject: Subject, path: string): FieldError[] =>
  (['user', 'group', 'serviceAccount'] as const)
    .map((field) => [field, `${field.charAt(0).toUpperCase()}${field.slice(1)}`] as const)
    .filter(([field, kind]) => kind !== subject.kind && subject[field] !== undefined)
    .map(([field, kind]) =>
      forbiddenField(child(path, field), `${field} is forbidden when subject kind is not '${kind}'`),
    )

const named = (path: string, subject: { readonly name?: string } | undefined, kind: string): FieldError[] => {
  const field = `${kind.charAt(0).toLowerCase()}${kind.slice(1)}`
  if (subject === undefined) {
    return [required(child(path, field), `${field} is required when subject kind is '${kind}'`)]
  }
  return requiredText(child(path, field, 'name'), subject.name)
}

const validateAccount = ({ serviceAccount }: Subject, path: string): FieldError[] => {
  const errors = named(path, serviceAccount, 'ServiceAccount')
  if (serviceAccount === undefined) return errors
  const { name, namespace } = serviceAccount
  if (errors.length === 0 && name !== '*') {
    errors.push(...syntax(child(path, 'serviceAccount', 'name'), name, isDns1123Subdomain))
  }
  const at = child(path, 'serviceAccount', 'namespace')
  if ((namespace ?? '') === '') errors.push(required(at, 'must specify namespace for service account'))
  else errors.push(...syntax(at, namespace, isDns1123Label))
  return errors
}

const validateSubject = (subject: Subject, path: string): FieldError[] => {
  switch (subject.kind) {
    case 'User':
      return [...named(path, subject.user, 'User'), ...otherSubjects(subject, path)]
    case 'Group':
      return [...named(path, subject.group, 'Group'), ...otherSubjects(subject, path)]
    case 'ServiceAccount':
      return [...validateAccount(subject, path), ...otherSubjects(subject, path)]
    default:
      return [notSupported(child(path, 'kind'), subject.kind, ['Group', 'ServiceAccount', 'User'])]
  }
}

/** Upstream: ValidateNonResourceURLPath. */
const validateUrlPath = (url: string, path: string): FieldError[] => {
  if (url === '') return [invalid(path, url, 'must not be empty')]
  if (url === '/') return []
  if (!url.startsWith('/')) return [invalid(path, url, 'must start with slash')]
  if (url.includes(' ')) return [invalid(path, url, 'must not contain white-space')]
  if (url.includes('//')) return [invalid(path, url, 'must not contain double slash')]
  const wildcards = url.split('*').length - 1
  if (wildcards > 1 || (wildcards === 1 && !url.endsWith('/*'))) {
    return [invalid(path, url, 'wildcard can only do suffix matching')]
  }
  return []
}

/** A list that is needed; `*` stands alone. */
const validateList = (
  path: string,
  list: readonly string[] | undefined,
  missing: string,
  others: string,
): FieldError[] => {
  if (list === undefined || list.length === 0) return [required(path, missing)]
  if (list.length === 1 || !list.includes('*')) return []
  return [invalid(path, list, `if '*' is present, must not specify other ${others}`)]
}

const validateVerbs = (verbs: readonly string[] | undefined, path: string): FieldError[] => {
  const errors = validateList(path, verbs, 'verbs must contain at least one value', 'verbs')
  if (errors.length > 0 || verbs === undefined || verbs.includes('*')) return errors
  return verbs.every((verb) => supportedVerbs.includes(verb)) ? [] : [notSupported(path, verbs, supportedVerbs)]
}

const validateNamespaces = ({ namespaces = [], clusterScope }: ResourceRule, path: string): FieldError[] => {
  if (namespaces.length === 0 && clusterScope !== true) {
    return [required(path, 'resource rules that are not cluster scoped must supply at least one namespace')]
  }
  if (namespaces.includes('*')) return validateList(path, namespaces, '', 'namespaces')
  return namespaces.flatMap((namespace, index) =>
    isDns1123Label(namespace).map((message) =>
      invalid(child(path, index), namespace, `each member of this list must be '*' or a DNS-1123 label; ${message}`),
    ),
  )
}

const validateResourceRule = (rule: ResourceRule, path: string): FieldError[] => {
  const list = (field: 'apiGroups' | 'resources', one: string, others: string): FieldError[] =>
    validateList(child(path, field), rule[field], `resource rules must supply at least one ${one}`, others)
  return [
    ...validateVerbs(rule.verbs, child(path, 'verbs')),
    ...list('apiGroups', 'api group', 'api groups'),
    ...list('resources', 'resource', 'resources'),
    ...validateNamespaces(rule, child(path, 'namespaces')),
  ]
}

const validateNonResourceRule = ({ verbs, nonResourceURLs }: NonResourceRule, path: string): FieldError[] => {
  const at = child(path, 'nonResourceURLs')
  const errors = validateList(
    at,
    nonResourceURLs,
    'nonResourceURLs must contain at least one value',
    'non-resource URLs',
  )
  const all = errors.length > 0 || nonResourceURLs.includes('*')
  return [
    ...validateVerbs(verbs, child(path, 'verbs')),
    ...errors,
    ...(all ? [] : nonResourceURLs.flatMap((url, index) => validateUrlPath(url, child(at, index)))),
  ]
}

const validateRules = ({ subjects, resourceRules, nonResourceRules }: Rules, path: string): FieldError[] => {
  const errors: FieldError[] = []
  const [about, resource, nonResource] = [subjects ?? [], resourceRules ?? [], nonResourceRules ?? []]
  if (about.length === 0) {
    errors.push(required(child(path, 'subjects'), 'subjects must contain at least one value'))
  }
  errors.push(...about.flatMap((subject, index) => validateSubject(subject, child(path, 'subjects', index))))
  if (resource.length + nonResource.length === 0) {
    errors.push(required(path, 'at least one of resourceRules and nonResourceRules has to be non-empty'))
  }
  errors.push(
    ...resource.flatMap((rule, index) => validateResourceRule(rule, child(path, 'resourceRules', index))),
    ...nonResource.flatMap((rule, index) => validateNonResourceRule(rule, child(path, 'nonResourceRules', index))),
  )
  return errors
}

/** Under its names in Go, as upstream prints its internal types. */
const asGo = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(asGo)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, part]) => [
      name.startsWith('api') ? `API${name.slice(3)}` : `${name.charAt(0).toUpperCase()}${name.slice(1)}`,
      asGo(part),
    ]),
  )
}

export const validateFlowSchema = ({ metadata, spec }: FlowSchema): FieldError[] => {
  const errors: FieldError[] = []
  const precedence = spec?.matchingPrecedence ?? 0
  const name = metadata?.name ?? ''
  if (precedence <= 0) errors.push(invalid('spec.matchingPrecedence', precedence, 'must be a positive value'))
  if (precedence > maxPrecedence)
    errors.push(invalid('spec.matchingPrecedence', precedence, `must not be greater than ${maxPrecedence}`))
  if (precedence === 1 && name !== 'exempt') {
    errors.push(
      invalid('spec.matchingPrecedence', precedence, "only the schema named 'exempt' may have matchingPrecedence 1"),
    )
  }
  const method = spec?.distinguisherMethod
  if (method !== undefined && method.type !== 'ByNamespace' && method.type !== 'ByUser') {
    errors.push(notSupported('spec.distinguisherMethod.type', asGo(method), ['ByNamespace', 'ByUser']))
  }
  const level = spec?.priorityLevelConfiguration?.name ?? ''
  const at = 'spec.priorityLevelConfiguration.name'
  if (level === '') errors.push(required(at, 'must reference a priority level'))
  else errors.push(...syntax(at, level, isDns1123Subdomain))
  errors.push(...(spec?.rules ?? []).flatMap((rules, index) => validateRules(rules, child('spec.rules', index))))
  const fixed = mandatoryFlowSchemas.find((schema) => schema.metadata?.name === name)
  if (fixed !== undefined && !semanticEqual(spec, fixed.spec)) {
    errors.push(invalid('spec', asGo(spec), `spec of '${name}' must equal the fixed value`))
  }
  return errors
}

const notNegative = (path: string, value: number | undefined): FieldError[] =>
  (value ?? 0) < 0 ? [invalid(path, value, 'must be a non-negative integer')] : []

const validateQueuing = ({ queues = 0, handSize = 0, queueLengthLimit = 0 }: Queuing, path: string): FieldError[] => {
  const errors: FieldError[] = []
  const at = (field: string): string => child(path, field)
  if (queueLengthLimit <= 0) errors.push(invalid(at('queueLengthLimit'), queueLengthLimit, 'must be positive'))
  if (queues <= 0) errors.push(invalid(at('queues'), queues, 'must be positive'))
  else if (queues > maxQueues) errors.push(invalid(at('queues'), queues, `must not be greater than ${maxQueues}`))
  if (handSize <= 0) errors.push(invalid(at('handSize'), handSize, 'must be positive'))
  else if (handSize > queues) {
    errors.push(invalid(at('handSize'), handSize, `should not be greater than queues (${queues})`))
  } else if (Math.ceil(Math.log2(queues) * handSize) > maxHashBits) {
    const needed = `required entropy bits of deckSize ${queues} and handSize ${handSize}`
    errors.push(invalid(at('handSize'), handSize, `${needed} should not be greater than ${maxHashBits}`))
  }
  return errors
}

const validateLimitResponse = ({ limitResponse }: Limited, path: string): FieldError[] => {
  const { type = '', queuing } = limitResponse ?? {}
  const at = child(path, 'queuing')
  if (type === 'Reject') {
    return queuing === undefined ? [] : [forbiddenField(at, 'must be nil if limited.limitResponse.type is not Limited')]
  }
  if (type !== 'Queue') return [notSupported(child(path, 'type'), type, ['Queue', 'Reject'])]
  if (queuing === undefined) return [required(at, 'must not be empty if limited.limitResponse.type is Limited')]
  return validateQueuing(queuing, at)
}

const validateLimited = (limited: Limited): FieldError[] => {
  const path = 'spec.limited'
  const { borrowingLimitPercent: borrowing } = limited
  return [
    ...notNegative(child(path, 'nominalConcurrencyShares'), limited.nominalConcurrencyShares),
    ...validateLimitResponse(limited, child(path, 'limitResponse')),
    ...inRange(child(path, 'lendablePercent'), limited.lendablePercent, 0, 100),
    ...((borrowing ?? 0) < 0
      ? [invalid(child(path, 'borrowingLimitPercent'), borrowing, 'if specified, must be a non-negative integer')]
      : []),
  ]
}

const validateExempt = ({ limited, exempt }: PriorityLevelSpec): FieldError[] => [
  ...(limited === undefined ? [] : [forbiddenField('spec.limited', 'must be nil if the type is not Limited')]),
  ...notNegative('spec.exempt.nominalConcurrencyShares', exempt?.nominalConcurrencyShares),
  ...inRange('spec.exempt.lendablePercent', exempt?.lendablePercent, 0, 100),
]

const validateByType = (spec: PriorityLevelSpec): FieldError[] => {
  switch (spec.type) {
    case 'Exempt':
      return validateExempt(spec)
    case 'Limited':
      return [
        ...(spec.exempt === undefined ? [] : [forbiddenField('spec.exempt', 'must be nil if the type is Limited')]),
        ...(spec.limited === undefined
          ? [required('spec.limited', 'must not be empty when type is Limited')]
          : validateLimited(spec.limited)),
      ]
    default:
      return [notSupported('spec.type', spec.type ?? '', ['Exempt', 'Limited'])]
  }
}

/** Of the level `exempt` people may change one part. */
const validateFixed = (name: string, spec: PriorityLevelSpec): FieldError[] => {
  const fixed = mandatoryPriorityLevels.find((level) => level.metadata?.name === name)?.spec
  if (fixed === undefined) return []
  if (name !== 'exempt') {
    return semanticEqual(spec, fixed)
      ? []
      : [invalid('spec', asGo(spec), `spec of '${name}' must equal the fixed value`)]
  }
  if (semanticEqual({ ...spec, exempt: undefined }, { ...fixed, exempt: undefined })) return []
  return [invalid('spec', asGo(spec), "spec of 'exempt' except the 'spec.exempt' field must equal the fixed value")]
}

export const validatePriorityLevel = ({ metadata, spec: given }: PriorityLevelConfiguration): FieldError[] => {
  const spec: PriorityLevelSpec = given ?? { type: '' }
  const name = metadata?.name ?? ''
  const mismatch =
    (name === 'exempt') === (spec.type === 'Exempt')
      ? []
      : [invalid('spec.type', spec.type, "type must be 'Exempt' if and only if name is 'exempt'")]
  return [...mismatch, ...validateByType(spec), ...validateFixed(name, spec)]
}
