/** Which objects a quota with scopes is about: Pods by what they are, claims by their attributes class. */
import { qosClass } from '../meta/pods.ts'
import type { KubeObject, PersistentVolumeClaim, Pod, ResourceQuota } from '../types.ts'
import type { QuotaResource } from './usage.ts'

export interface ScopeRequirement {
  readonly scopeName: string
  readonly operator: string
  readonly values?: readonly string[]
}

/** `In`, `NotIn`, `Exists` and `DoesNotExist` on one name; '' is none. */
const matchesName = ({ operator, values = [] }: ScopeRequirement, name: string): boolean => {
  switch (operator) {
    case 'Exists':
      return name !== ''
    case 'DoesNotExist':
      return name === ''
    case 'In':
      return name !== '' && values.includes(name)
    case 'NotIn':
      return !values.includes(name)
    default:
      return false
  }
}

const crossesNamespaces = ({ spec }: Pod): boolean =>
  [spec?.affinity?.podAffinity, spec?.affinity?.podAntiAffinity]
    .flatMap((affinity) => [
      ...(affinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
      ...(affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map((term) => term.podAffinityTerm),
    ])
    .some((term) => (term.namespaces ?? []).length > 0 || term.namespaceSelector !== undefined)

const podInScope = (requirement: ScopeRequirement, pod: Pod): boolean => {
  const isTerminating = (pod.spec?.activeDeadlineSeconds ?? -1) >= 0
  switch (requirement.scopeName) {
    case 'Terminating':
      return isTerminating
    case 'NotTerminating':
      return !isTerminating
    case 'BestEffort':
      return qosClass(pod) === 'BestEffort'
    case 'NotBestEffort':
      return qosClass(pod) !== 'BestEffort'
    case 'CrossNamespacePodAffinity':
      return crossesNamespaces(pod)
    case 'PriorityClass':
      return matchesName(requirement, pod.spec?.priorityClassName ?? '')
    default:
      return false
  }
}

/** A claim that changes its class is in the scope of each that it has or may get. */
const claimInScope = (requirement: ScopeRequirement, { spec, status }: PersistentVolumeClaim): boolean => {
  if (requirement.scopeName !== 'VolumeAttributesClass') return false
  const names = [
    spec?.volumeAttributesClassName,
    status?.currentVolumeAttributesClassName,
    status?.modifyVolumeStatus?.targetVolumeAttributesClassName,
  ].filter((name): name is string => name !== undefined && name !== '')
  return (names.length === 0 ? [''] : names).some((name) => matchesName(requirement, name))
}

/** False for kinds that have no scopes: a quota with scopes counts nothing of them. */
export const inScope = (requirement: ScopeRequirement, type: QuotaResource, object: KubeObject): boolean => {
  if (type.group !== '') return false
  if (type.resource === 'pods') return podInScope(requirement, object as Pod)
  return type.resource === 'persistentvolumeclaims' && claimInScope(requirement, object as PersistentVolumeClaim)
}

/** All scopes of a quota, as requirements. */
export const scopesOf = ({ spec }: ResourceQuota): readonly ScopeRequirement[] => [
  ...(spec?.scopes ?? []).map((scopeName) => ({ scopeName, operator: 'Exists' })),
  ...(spec?.scopeSelector?.matchExpressions ?? []),
]

/** True if the quota's scopes include the object. */
export const matchesScopes = (quota: ResourceQuota, type: QuotaResource, object: KubeObject): boolean =>
  scopesOf(quota).every((requirement) => inScope(requirement, type, object))
