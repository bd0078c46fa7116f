/** Affinity, tolerations and spreading. Upstream: validateAffinity, ValidateTolerations, validateTopologySpreadConstraints. */
import { absent, oneOf, requiredOneOf, syntax, validateLabelSelector } from '../../meta/checks.ts'
import {
  asGoStruct,
  child,
  duplicate,
  type FieldError,
  forbiddenField,
  type GoField,
  invalid,
  required,
} from '../../meta/field-error.ts'
import { isDns1123Label, isQualifiedName, isValidLabelValue } from '../../meta/names.ts'
import type { PodSpec, Toleration } from '../../types.ts'
import type { NodeSelector, NodeSelectorRequirement, NodeSelectorTerm } from '../node-affinity.ts'

type Affinity = NonNullable<PodSpec['affinity']>
type PodAffinity = NonNullable<Affinity['podAffinity']>
type PodAffinityTerm = NonNullable<PodAffinity['requiredDuringSchedulingIgnoredDuringExecution']>[number]
type SpreadConstraint = NonNullable<PodSpec['topologySpreadConstraints']>[number]

const effects = ['NoSchedule', 'PreferNoSchedule', 'NoExecute']

const tolerationFields: readonly GoField[] = [
  ['Key', 'key', ''],
  ['Operator', 'operator', ''],
  ['Value', 'value', ''],
  ['Effect', 'effect', ''],
  ['TolerationSeconds', 'tolerationSeconds', null],
]

const validateOperatorOfValue = (toleration: Toleration, path: string): FieldError[] => {
  const at = child(path, 'operator')
  switch (toleration.operator ?? '') {
    case '':
    case 'Equal':
      return isValidLabelValue(toleration.value ?? '').map((message) => invalid(at, toleration.value ?? '', message))
    case 'Exists':
      return absent(toleration.value)
        ? []
        : [invalid(at, asGoStruct(toleration, tolerationFields), "value must be empty when `operator` is 'Exists'")]
    default:
      return oneOf(at, toleration.operator, ['Equal', 'Exists'])
  }
}

export const validateTolerations = (tolerations: readonly Toleration[] | undefined, path: string): FieldError[] =>
  (tolerations ?? []).flatMap((toleration, index) => {
    const at = child(path, index)
    const errors: FieldError[] = []
    if (!absent(toleration.key)) errors.push(...syntax(child(at, 'key'), toleration.key ?? '', isQualifiedName))
    else if (toleration.operator !== 'Exists') {
      errors.push(
        invalid(
          child(at, 'operator'),
          toleration.operator ?? '',
          'operator must be Exists when `key` is empty, which means "match all values and all keys"',
        ),
      )
    }
    if (toleration.tolerationSeconds !== undefined && toleration.effect !== 'NoExecute') {
      errors.push(
        invalid(
          child(at, 'effect'),
          toleration.effect ?? '',
          "effect must be 'NoExecute' when `tolerationSeconds` is set",
        ),
      )
    }
    return [
      ...errors,
      ...validateOperatorOfValue(toleration, at),
      ...oneOf(child(at, 'effect'), toleration.effect, effects),
    ]
  })

const validateNodeRequirement = (requirement: NodeSelectorRequirement, path: string): FieldError[] => {
  const at = child(path, 'values')
  const count = (requirement.values ?? []).length
  const errors: FieldError[] = []
  switch (requirement.operator) {
    case 'In':
    case 'NotIn':
      if (count === 0) errors.push(required(at, "must be specified when `operator` is 'In' or 'NotIn'"))
      break
    case 'Exists':
    case 'DoesNotExist':
      if (count > 0)
        errors.push(forbiddenField(at, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"))
      break
    case 'Gt':
    case 'Lt':
      if (count !== 1) errors.push(required(at, "must be specified single value when `operator` is 'Lt' or 'Gt'"))
      break
    default:
      errors.push(invalid(child(path, 'operator'), requirement.operator ?? '', 'not a valid selector operator'))
  }
  errors.push(...syntax(child(path, 'key'), requirement.key ?? '', isQualifiedName))
  if (requirement.operator === 'In' || requirement.operator === 'NotIn') {
    for (const [index, value] of (requirement.values ?? []).entries()) {
      errors.push(...syntax(child(at, index), value, isValidLabelValue))
    }
  }
  return errors
}

export const validateNodeSelectorTerm = (term: NodeSelectorTerm, path: string): FieldError[] => [
  ...(term.matchExpressions ?? []).flatMap((requirement, index) =>
    validateNodeRequirement(requirement, child(path, 'matchExpressions', index)),
  ),
  ...(term.matchFields ?? []).flatMap((requirement, index) => {
    const at = child(path, 'matchFields', index)
    if (requirement.operator !== 'In' && requirement.operator !== 'NotIn') {
      return [invalid(child(at, 'operator'), requirement.operator ?? '', 'not a valid selector operator')]
    }
    if ((requirement.values ?? []).length !== 1) {
      return [
        required(
          child(at, 'values'),
          "must be only one value when `operator` is 'In' or 'NotIn' for node field selector",
        ),
      ]
    }
    return requirement.key === 'metadata.name'
      ? []
      : [invalid(child(at, 'key'), requirement.key, 'not a valid field selector key')]
  }),
]

export const validateNodeSelector = (selector: NodeSelector, path: string): FieldError[] => {
  const at = child(path, 'nodeSelectorTerms')
  const terms = selector.nodeSelectorTerms ?? []
  if (terms.length === 0) return [required(at, 'must have at least one node selector term')]
  return terms.flatMap((term, index) => validateNodeSelectorTerm(term, child(at, index)))
}

const weight = (value: number | undefined, path: string): FieldError[] =>
  value === undefined || value <= 0 || value > 100
    ? [invalid(child(path, 'weight'), value ?? 0, 'must be in the range 1-100')]
    : []

const validatePodAffinityTerm = (term: PodAffinityTerm, path: string): FieldError[] => [
  ...validateLabelSelector(term.labelSelector, child(path, 'labelSelector')),
  ...validateLabelSelector(term.namespaceSelector, child(path, 'namespaceSelector')),
  ...(term.namespaces ?? []).flatMap((name) => syntax(child(path, 'namespace'), name, isDns1123Label)),
  ...(absent(term.topologyKey) ? [required(child(path, 'topologyKey'), 'can not be empty')] : []),
  ...syntax(child(path, 'topologyKey'), term.topologyKey ?? '', isQualifiedName),
]

const validatePodAffinity = (affinity: PodAffinity | undefined, path: string): FieldError[] => [
  ...(affinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []).flatMap((term, index) =>
    validatePodAffinityTerm(term, child(path, 'requiredDuringSchedulingIgnoredDuringExecution', index)),
  ),
  ...(affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).flatMap((preferred, index) => {
    const at = child(path, 'preferredDuringSchedulingIgnoredDuringExecution', index)
    return [
      ...weight(preferred.weight, at),
      ...validatePodAffinityTerm(preferred.podAffinityTerm, child(at, 'podAffinityTerm')),
    ]
  }),
]

export const validateAffinity = (affinity: Affinity | undefined, path: string): FieldError[] => {
  if (affinity === undefined || affinity === null) return []
  const node = affinity.nodeAffinity
  const nodePath = child(path, 'nodeAffinity')
  const errors: FieldError[] = []
  const requiredNode = node?.requiredDuringSchedulingIgnoredDuringExecution
  if (requiredNode !== undefined) {
    errors.push(
      ...validateNodeSelector(requiredNode, child(nodePath, 'requiredDuringSchedulingIgnoredDuringExecution')),
    )
  }
  for (const [index, preferred] of (node?.preferredDuringSchedulingIgnoredDuringExecution ?? []).entries()) {
    const at = child(nodePath, 'preferredDuringSchedulingIgnoredDuringExecution', index)
    errors.push(
      ...weight(preferred.weight, at),
      ...validateNodeSelectorTerm(preferred.preference, child(at, 'preference')),
    )
  }
  return [
    ...errors,
    ...validatePodAffinity(affinity.podAffinity, child(path, 'podAffinity')),
    ...validatePodAffinity(affinity.podAntiAffinity, child(path, 'podAntiAffinity')),
  ]
}

const validateConstraint = (constraint: SpreadConstraint, path: string): FieldError[] => {
  const errors: FieldError[] = []
  if ((constraint.maxSkew ?? 0) <= 0) {
    errors.push(invalid(child(path, 'maxSkew'), constraint.maxSkew ?? 0, 'must be greater than zero'))
  }
  errors.push(
    ...(absent(constraint.topologyKey)
      ? [required(child(path, 'topologyKey'), 'can not be empty')]
      : syntax(child(path, 'topologyKey'), constraint.topologyKey, isQualifiedName)),
    ...requiredOneOf(child(path, 'whenUnsatisfiable'), constraint.whenUnsatisfiable, [
      'DoNotSchedule',
      'ScheduleAnyway',
    ]),
  )
  const { minDomains } = constraint
  if (minDomains !== undefined) {
    if (minDomains <= 0) errors.push(invalid(child(path, 'minDomains'), minDomains, 'must be greater than zero'))
    if (constraint.whenUnsatisfiable !== 'DoNotSchedule') {
      errors.push(
        invalid(
          child(path, 'minDomains'),
          minDomains,
          `can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ${constraint.whenUnsatisfiable}`,
        ),
      )
    }
  }
  return [
    ...errors,
    ...oneOf(child(path, 'nodeAffinityPolicy'), constraint.nodeAffinityPolicy, ['Honor', 'Ignore']),
    ...oneOf(child(path, 'nodeTaintsPolicy'), constraint.nodeTaintsPolicy, ['Honor', 'Ignore']),
    ...validateLabelSelector(constraint.labelSelector, child(path, 'labelSelector')),
  ]
}

export const validateSpreadConstraints = (
  constraints: readonly SpreadConstraint[] | undefined,
  path: string,
): FieldError[] => {
  const seen = new Set<string>()
  return (constraints ?? []).flatMap((constraint, index) => {
    const at = child(path, index)
    const errors = validateConstraint(constraint, at)
    const pair = `{${constraint.topologyKey ?? ''}, ${constraint.whenUnsatisfiable ?? ''}}`
    if (seen.has(pair)) {
      errors.push(duplicate(child(at, '{topologyKey, whenUnsatisfiable}'), pair))
    }
    seen.add(pair)
    return errors
  })
}
