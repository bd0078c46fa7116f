/**
 * What objects use of a ResourceQuota, by quota resource name (`pods`, `requests.cpu`, `count/jobs.batch` …). The
 * resourcequota controller sums it up, admission adds what a request would add.
 * Upstream: apiserver/pkg/quota, pkg/quota/v1/evaluator/core.
 */
import { isPodTerminal, podLimits, podRequests, qosClass, type ResourceAmounts } from '../meta/pods.ts'
import { addQuantities, parseQuantity, quantityFromNumber } from '../meta/quantity.ts'
import type { KubeObject, PersistentVolumeClaim, Pod, ResourceQuota, Service } from '../types.ts'

export interface QuotaResource {
  readonly group: string
  readonly resource: string
}

const one = quantityFromNumber(1)

/** Kinds that had a name of their own before `count/` came. */
const oldCounts = new Set([
  'configmaps',
  'persistentvolumeclaims',
  'replicationcontrollers',
  'resourcequotas',
  'secrets',
  'services',
])

/** `count/pods`, `count/deployments.apps`. */
export const countName = ({ group, resource }: QuotaResource): string =>
  group === '' ? `count/${resource}` : `count/${resource}.${group}`

const podUsage = (pod: Pod): ResourceAmounts => {
  const usage: ResourceAmounts = { 'count/pods': one }
  if (isPodTerminal(pod)) return usage
  usage['pods'] = one
  for (const [name, amount] of Object.entries(podRequests(pod))) {
    if (['cpu', 'memory', 'ephemeral-storage'].includes(name) || name.startsWith('hugepages-')) usage[name] = amount
    usage[`requests.${name}`] = amount
  }
  for (const [name, amount] of Object.entries(podLimits(pod))) {
    if (['cpu', 'memory', 'ephemeral-storage'].includes(name)) usage[`limits.${name}`] = amount
  }
  return usage
}

const serviceUsage = (service: Service): ResourceAmounts => {
  const ports = service.spec?.ports ?? []
  const usage: ResourceAmounts = { services: one, 'count/services': one }
  const type = service.spec?.type
  if (type === 'NodePort') usage['services.nodeports'] = quantityFromNumber(ports.length)
  if (type === 'LoadBalancer') {
    const allocated =
      service.spec?.allocateLoadBalancerNodePorts === false ? ports.filter((port) => port.nodePort) : ports
    usage['services.nodeports'] = quantityFromNumber(allocated.length)
    usage['services.loadbalancers'] = one
  }
  return usage
}

const claimUsage = (claim: PersistentVolumeClaim): ResourceAmounts => {
  const usage: ResourceAmounts = { persistentvolumeclaims: one, 'count/persistentvolumeclaims': one }
  const className = claim.spec?.storageClassName ?? ''
  if (className !== '') usage[`${className}.storageclass.storage.k8s.io/persistentvolumeclaims`] = one
  const storage = claim.spec?.resources?.requests?.['storage']
  if (storage !== undefined) {
    usage['requests.storage'] = parseQuantity(storage)
    if (className !== '') usage[`${className}.storageclass.storage.k8s.io/requests.storage`] = parseQuantity(storage)
  }
  return usage
}

/** What one object uses. */
export const usageOf = (type: QuotaResource, object: KubeObject): ResourceAmounts => {
  if (type.group === '' && type.resource === 'pods') return podUsage(object as Pod)
  if (type.group === '' && type.resource === 'services') return serviceUsage(object as Service)
  if (type.group === '' && type.resource === 'persistentvolumeclaims')
    return claimUsage(object as PersistentVolumeClaim)
  const counted = type.group === '' && oldCounts.has(type.resource)
  return { [countName(type)]: one, ...(counted ? { [type.resource]: one } : {}) }
}

/** The resource whose objects a quota name counts; undefined for names that nothing is known of. */
export const resourceOfQuotaName = (name: string): QuotaResource | undefined => {
  if (name.startsWith('count/')) {
    const [resource = '', ...group] = name.slice('count/'.length).split('.')
    return { group: group.join('.'), resource }
  }
  if (name.startsWith('services')) return { group: '', resource: 'services' }
  if (
    name === 'requests.storage' ||
    name === 'persistentvolumeclaims' ||
    name.includes('.storageclass.storage.k8s.io/')
  ) {
    return { group: '', resource: 'persistentvolumeclaims' }
  }
  if (oldCounts.has(name)) return { group: '', resource: name }
  const ofPods = name === 'pods' || /^(requests|limits)\.|^(cpu|memory|ephemeral-storage)$|^hugepages-/.test(name)
  return ofPods ? { group: '', resource: 'pods' } : undefined
}

type ScopeRequirement = { scopeName: string; operator: string; values?: string[] }

const inScope = ({ scopeName, operator, values }: ScopeRequirement, pod: Pod): boolean => {
  const deadline = pod.spec?.activeDeadlineSeconds
  const hasDeadline = deadline !== undefined && deadline !== null && deadline >= 0
  const terms = (kind: 'podAffinity' | 'podAntiAffinity') => [
    ...(pod.spec?.affinity?.[kind]?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
    ...(pod.spec?.affinity?.[kind]?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(
      (term) => term.podAffinityTerm,
    ),
  ]
  switch (scopeName) {
    case 'Terminating':
      return hasDeadline
    case 'NotTerminating':
      return !hasDeadline
    case 'BestEffort':
      return qosClass(pod) === 'BestEffort'
    case 'NotBestEffort':
      return qosClass(pod) !== 'BestEffort'
    case 'CrossNamespacePodAffinity':
      return [...terms('podAffinity'), ...terms('podAntiAffinity')].some(
        (term) =>
          (term.namespaces ?? []).length > 0 ||
          (term.namespaceSelector !== undefined && term.namespaceSelector !== null),
      )
    case 'PriorityClass': {
      const name = pod.spec?.priorityClassName ?? ''
      if (operator === 'Exists') return name !== ''
      if (operator === 'DoesNotExist') return name === ''
      return (values ?? []).includes(name) === (operator === 'In')
    }
    default:
      return false
  }
}

/** True if the quota's scopes include the object; only Pods have scopes, a quota with scopes counts nothing else. */
export const matchesScopes = (quota: ResourceQuota, type: QuotaResource, object: KubeObject): boolean => {
  const requirements: ScopeRequirement[] = [
    ...(quota.spec?.scopes ?? []).map((scopeName) => ({ scopeName, operator: 'Exists' })),
    ...(quota.spec?.scopeSelector?.matchExpressions ?? []),
  ]
  if (requirements.length === 0) return true
  if (type.group !== '' || type.resource !== 'pods') return false
  return requirements.every((requirement) => inScope(requirement, object as Pod))
}

/** Adds `more` to `sum`, for the names in `wanted` only. */
export const addUsage = (sum: ResourceAmounts, more: ResourceAmounts, wanted: ReadonlySet<string>): void => {
  for (const [name, amount] of Object.entries(more)) {
    if (!wanted.has(name)) continue
    const present = sum[name]
    sum[name] = present === undefined ? amount : addQuantities(present, amount)
  }
}
