/** FlowSchemas and PriorityLevelConfigurations. Upstream: pkg/apis/flowcontrol/validation. */
import { absent, inRange, oneOf, requiredOneOf, requiredText } from '../meta/checks.ts'
import { child, type FieldError, forbiddenField, invalid, notSupported, required } from '../meta/field-error.ts'
import type { FlowSchema, PriorityLevelConfiguration } from '../types.ts'

type Rules = NonNullable<NonNullable<FlowSchema['spec']>['rules']>[number]
type Subject = Rules['subjects'][number]

const maxPrecedence = 10_000
const maxQueues = 10_000_000

const validateSubject = (subject: Subject, path: string): FieldError[] => {
  switch (subject.kind) {
    case 'User':
      return requiredText(child(path, 'user', 'name'), subject.user?.name)
    case 'Group':
      return requiredText(child(path, 'group', 'name'), subject.group?.name)
    case 'ServiceAccount':
      return [
        ...requiredText(child(path, 'serviceAccount', 'namespace'), subject.serviceAccount?.namespace),
        ...requiredText(child(path, 'serviceAccount', 'name'), subject.serviceAccount?.name),
      ]
    default:
      return [notSupported(child(path, 'kind'), subject.kind, ['Group', 'ServiceAccount', 'User'])]
  }
}

/** Upstream: ValidateFlowSchemaNonResourceURLPath; `*` alone is all of them. */
const validateUrlPath = (url: string, path: string): FieldError[] => {
  if (url === '*' || url === '/') return []
  if (url === '') return [invalid(path, url, 'must not be empty')]
  const errors: FieldError[] = []
  if (!url.startsWith('/')) errors.push(invalid(path, url, 'must start with slash'))
  if (url.includes(' ')) errors.push(invalid(path, url, 'must not contain white-space'))
  if (url.includes('//')) errors.push(invalid(path, url, 'must not contain double slash'))
  const wildcards = url.split('*').length - 1
  if (wildcards > 1 || (wildcards === 1 && !url.endsWith('/*'))) {
    errors.push(invalid(path, url, 'wildcard can only do suffix matching'))
  }
  return errors
}

const validateRules = (rules: Rules, path: string): FieldError[] => {
  const errors: FieldError[] = []
  if ((rules.subjects ?? []).length === 0)
    errors.push(required(child(path, 'subjects'), 'subjects must contain at least one value'))
  for (const [index, subject] of (rules.subjects ?? []).entries())
    errors.push(...validateSubject(subject, child(path, 'subjects', index)))
  const [resource, nonResource] = [rules.resourceRules ?? [], rules.nonResourceRules ?? []]
  if (resource.length + nonResource.length === 0)
    errors.push(required(path, 'at least one of resourceRules and nonResourceRules has to be non-empty'))
  for (const [index, rule] of resource.entries()) {
    const at = child(path, 'resourceRules', index)
    for (const field of ['verbs', 'apiGroups', 'resources'] as const)
      if ((rule[field] ?? []).length === 0) errors.push(required(child(at, field)))
    if ((rule.namespaces ?? []).length === 0 && rule.clusterScope !== true) {
      errors.push(
        required(
          child(at, 'namespaces'),
          'resource rules that are not cluster scoped must supply at least one namespace',
        ),
      )
    }
  }
  for (const [index, rule] of nonResource.entries()) {
    const at = child(path, 'nonResourceRules', index)
    for (const field of ['verbs', 'nonResourceURLs'] as const)
      if ((rule[field] ?? []).length === 0) errors.push(required(child(at, field)))
    for (const [urlIndex, url] of (rule.nonResourceURLs ?? []).entries())
      errors.push(...validateUrlPath(url, child(at, 'nonResourceURLs', urlIndex)))
  }
  return errors
}

export const validateFlowSchema = ({ metadata, spec }: FlowSchema): FieldError[] => {
  const errors: FieldError[] = []
  const precedence = spec?.matchingPrecedence ?? 0
  if (precedence <= 0) errors.push(invalid('spec.matchingPrecedence', precedence, 'must be a positive value'))
  if (precedence > maxPrecedence)
    errors.push(invalid('spec.matchingPrecedence', precedence, `must not be greater than ${maxPrecedence}`))
  if (precedence === 1 && metadata?.name !== 'exempt') {
    errors.push(
      invalid('spec.matchingPrecedence', precedence, "only the schema named 'exempt' may have matchingPrecedence 1"),
    )
  }
  errors.push(
    ...requiredText(
      'spec.priorityLevelConfiguration.name',
      spec?.priorityLevelConfiguration?.name,
      'must reference a priority level',
    ),
  )
  if (spec?.distinguisherMethod !== undefined) {
    errors.push(
      ...requiredOneOf('spec.distinguisherMethod.type', spec.distinguisherMethod.type, ['ByNamespace', 'ByUser']),
    )
  }
  return [...errors, ...(spec?.rules ?? []).flatMap((rules, index) => validateRules(rules, child('spec.rules', index)))]
}

export const validatePriorityLevel = ({ metadata, spec }: PriorityLevelConfiguration): FieldError[] => {
  const errors = requiredOneOf('spec.type', spec?.type, ['Exempt', 'Limited'])
  const { limited, exempt } = spec ?? {}
  if (spec?.type === 'Exempt') {
    if (limited !== undefined) errors.push(forbiddenField('spec.limited', 'must be nil if the type is not Limited'))
    if (metadata?.name !== 'exempt')
      errors.push(invalid('spec.type', spec.type, "type must be 'Limited' if the name is not 'exempt'"))
    return [...errors, ...inRange('spec.exempt.lendablePercent', exempt?.lendablePercent, 0, 100)]
  }
  if (spec?.type !== 'Limited') return errors
  if (exempt !== undefined) errors.push(forbiddenField('spec.exempt', 'must be nil if the type is Limited'))
  if (limited === undefined) return [...errors, required('spec.limited', 'must not be empty when type is Limited')]
  if ((limited.nominalConcurrencyShares ?? 0) < 0) {
    errors.push(
      invalid(
        'spec.limited.nominalConcurrencyShares',
        limited.nominalConcurrencyShares,
        'must be a non-negative integer',
      ),
    )
  }
  errors.push(...inRange('spec.limited.lendablePercent', limited.lendablePercent, 0, 100))
  const response = limited.limitResponse
  const path = 'spec.limited.limitResponse'
  errors.push(
    ...(absent(response?.type)
      ? [required(child(path, 'type'))]
      : oneOf(child(path, 'type'), response?.type, ['Queue', 'Reject'])),
  )
  const queuing = response?.queuing
  if (response?.type === 'Reject' && queuing !== undefined)
    errors.push(forbiddenField(child(path, 'queuing'), 'must be nil if limited.limitResponse.type is not Limited'))
  if (response?.type === 'Queue') {
    if (queuing === undefined)
      errors.push(required(child(path, 'queuing'), 'must not be empty if limited.limitResponse.type is Limited'))
    else {
      const { queues = 0, handSize = 0, queueLengthLimit = 0 } = queuing
      const at = child(path, 'queuing')
      if (queues <= 0) errors.push(invalid(child(at, 'queues'), queues, 'must be positive'))
      if (queues > maxQueues) errors.push(invalid(child(at, 'queues'), queues, `must not be greater than ${maxQueues}`))
      if (queueLengthLimit <= 0)
        errors.push(invalid(child(at, 'queueLengthLimit'), queueLengthLimit, 'must be positive'))
      if (handSize <= 0) errors.push(invalid(child(at, 'handSize'), handSize, 'must be positive'))
      else if (handSize > queues)
        errors.push(invalid(child(at, 'handSize'), handSize, 'should not be greater than queues'))
    }
  }
  return errors
}
