/** Access reviews. Upstream: pkg/apis/authorization/validation. */
import { syntax } from '../meta/checks.ts'
import { child, type FieldError, forbiddenField, invalid, required } from '../meta/field-error.ts'
import { isQualifiedName, isValidLabelValue } from '../meta/names.ts'
import type { LocalSubjectAccessReview, ObjectMeta, SelfSubjectAccessReview, SubjectAccessReview } from '../types.ts'

type Spec = Pick<NonNullable<SubjectAccessReview['spec']>, 'resourceAttributes' | 'nonResourceAttributes'>
type Attributes = NonNullable<Spec['resourceAttributes']>

interface Requirement {
  readonly key?: string
  readonly operator?: string
  readonly values?: readonly string[]
}

interface Selector {
  readonly rawSelector?: string
  readonly requirements?: readonly Requirement[]
}

/** An operator that is unknown here may be known to an authorizer that is newer. */
const validateValues = ({ operator, values = [] }: Requirement, path: string): FieldError[] => {
  const at = child(path, 'values')
  if ((operator === 'In' || operator === 'NotIn') && values.length === 0) {
    return [required(at, "must be specified when `operator` is 'In' or 'NotIn'")]
  }
  if ((operator === 'Exists' || operator === 'DoesNotExist') && values.length > 0) {
    return [forbiddenField(at, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")]
  }
  return []
}

const validateFieldRequirement = (requirement: Requirement, path: string): FieldError[] => [
  ...((requirement.key ?? '') === '' ? [required(child(path, 'key'), 'must be specified')] : []),
  ...validateValues(requirement, path),
]

const validateLabelRequirement = (requirement: Requirement, path: string): FieldError[] => [
  ...validateValues(requirement, path),
  ...syntax(child(path, 'key'), requirement.key, isQualifiedName),
  ...(requirement.values ?? []).flatMap((value, i) => syntax(child(path, 'values', i), value, isValidLabelValue)),
]

const validateSelector = (
  selector: Selector | undefined,
  path: string,
  validateRequirement: (requirement: Requirement, path: string) => FieldError[],
): FieldError[] => {
  if (selector === undefined) return []
  const { rawSelector = '', requirements = [] } = selector
  const at = child(path, 'requirements')
  const errors = requirements.flatMap((requirement, i) => validateRequirement(requirement, child(at, i)))
  if (rawSelector !== '' && requirements.length > 0) {
    const why = 'may not specified at the same time as requirements'
    return [invalid(child(path, 'rawSelector'), rawSelector, why), ...errors]
  }
  if (rawSelector === '' && requirements.length === 0) {
    return [required(at, `when ${path} is specified, requirements or rawSelector is required`)]
  }
  return errors
}

const validateResource = ({ fieldSelector, labelSelector }: Attributes): FieldError[] => {
  const path = 'spec.resourceAttributes'
  return [
    ...validateSelector(fieldSelector, child(path, 'fieldSelector'), validateFieldRequirement),
    ...validateSelector(labelSelector, child(path, 'labelSelector'), validateLabelRequirement),
  ]
}

/** `others`: of who is asked about; they come before those of selectors. */
const validateSpec = (spec: Spec | undefined, others: readonly FieldError[]): FieldError[] => {
  const { resourceAttributes, nonResourceAttributes } = spec ?? {}
  const errors: FieldError[] = []
  if (resourceAttributes !== undefined && nonResourceAttributes !== undefined) {
    const why = 'cannot be specified in combination with resourceAttributes'
    errors.push(invalid('spec.nonResourceAttributes', nonResourceAttributes, why))
  }
  if (resourceAttributes === undefined && nonResourceAttributes === undefined) {
    const why = 'exactly one of nonResourceAttributes or resourceAttributes must be specified'
    errors.push(invalid('spec.resourceAttributes', null, why))
  }
  errors.push(...others)
  return resourceAttributes === undefined ? errors : [...errors, ...validateResource(resourceAttributes)]
}

const validateSubject = (spec: SubjectAccessReview['spec'] | undefined): FieldError[] =>
  (spec?.user ?? '') === '' && (spec?.groups ?? []).length === 0
    ? [invalid('spec.user', '', 'at least one of user or group must be specified')]
    : []

const isEmpty = (value: unknown): boolean =>
  typeof value === 'object' ? Object.keys(value ?? {}).length === 0 : value === undefined || value === '' || value === 0

/** A review is nothing that has a name; what the server itself notes does not count. */
const validateNoMetadata = (metadata: ObjectMeta | undefined, allowed: string, why: string): FieldError[] =>
  Object.entries(metadata ?? {}).every(([name, value]) => ['managedFields', allowed].includes(name) || isEmpty(value))
    ? []
    : [invalid('metadata', metadata, why)]

export const validateSelfSubjectAccessReview = ({ metadata, spec }: SelfSubjectAccessReview): FieldError[] => [
  ...validateSpec(spec, []),
  ...validateNoMetadata(metadata, '', 'must be empty'),
]

export const validateSubjectAccessReview = ({ metadata, spec }: SubjectAccessReview): FieldError[] => [
  ...validateSpec(spec, validateSubject(spec)),
  ...validateNoMetadata(metadata, '', 'must be empty'),
]

export const validateLocalSubjectAccessReview = ({ metadata, spec }: LocalSubjectAccessReview): FieldError[] => {
  const errors = [
    ...validateSpec(spec, validateSubject(spec)),
    ...validateNoMetadata(metadata, 'namespace', 'must be empty except for namespace'),
  ]
  const { resourceAttributes: resource, nonResourceAttributes } = spec ?? {}
  if (resource !== undefined && (resource.namespace ?? '') !== (metadata?.namespace ?? '')) {
    const at = 'spec.resourceAttributes.namespace'
    errors.push(invalid(at, resource.namespace ?? '', 'must match metadata.namespace'))
  }
  if (nonResourceAttributes !== undefined) {
    errors.push(invalid('spec.nonResourceAttributes', nonResourceAttributes, 'disallowed on this kind of request'))
  }
  return errors
}
