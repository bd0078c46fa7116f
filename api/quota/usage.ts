/**
 * What objects use of a ResourceQuota, by quota resource name (`pods`, `requests.cpu`, `count/jobs.batch` …). The
 * resourcequota controller sums it up, admission adds what a request would add.
 * Upstream: apiserver/pkg/quota, pkg/quota/v1/evaluator/core.
 */
import { storageClassOf } from '../core/volume-matching.ts'
import { isPodTerminal, podLimitsInUse, podRequestsInUse, type ResourceAmounts } from '../meta/pods.ts'
import { addQuantities, maxQuantity, parseQuantity, type Quantity, quantityFromNumber } from '../meta/quantity.ts'
import type { KubeObject, PersistentVolumeClaim, Pod, ResourceClaim, Service } from '../types.ts'

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

const storageClassSuffix = '.storageclass.storage.k8s.io/'
const deviceClassSuffix = '.deviceclass.resource.k8s.io/devices'
/** What a request for all devices counts as: more than that no allocation has. */
const maxDevices = 32

/** `count/pods`, `count/deployments.apps`. */
export const countName = ({ group, resource }: QuotaResource): string =>
  group === '' ? `count/${resource}` : `count/${resource}.${group}`

const isCore = (type: QuotaResource, resource: string): boolean => type.group === '' && type.resource === resource

const isClaims = ({ group, resource }: QuotaResource): boolean =>
  group === 'resource.k8s.io' && resource === 'resourceclaims'

const isNative = (name: string): boolean => !name.includes('/') || name.includes('kubernetes.io/')

/** A Pod whose grace period is over and that is still there hangs on a node that is lost: its owner may go on. */
const isStuck = ({ metadata }: Pod, nowMs: number): boolean => {
  const { deletionTimestamp, deletionGracePeriodSeconds: grace } = metadata ?? {}
  if (deletionTimestamp === undefined || grace === undefined) return false
  return nowMs > Date.parse(deletionTimestamp) + grace * 1000
}

const podUsage = (pod: Pod, nowMs: number): ResourceAmounts => {
  const usage: ResourceAmounts = { 'count/pods': one }
  if (isPodTerminal(pod) || isStuck(pod, nowMs)) return usage
  usage['pods'] = one
  for (const [name, amount] of Object.entries(podRequestsInUse(pod))) {
    const isCompute = ['cpu', 'memory', 'ephemeral-storage'].includes(name) || name.startsWith('hugepages-')
    if (isCompute) usage[name] = amount
    if (isCompute || (!isNative(name) && !name.startsWith('requests.'))) usage[`requests.${name}`] = amount
  }
  for (const [name, amount] of Object.entries(podLimitsInUse(pod))) {
    if (['cpu', 'memory', 'ephemeral-storage'].includes(name)) usage[`limits.${name}`] = amount
  }
  return usage
}

const serviceUsage = ({ spec }: Service): ResourceAmounts => {
  const ports = spec?.ports ?? []
  const isBalanced = spec?.type === 'LoadBalancer'
  // Node ports are not allocated yet where they will be: what counts is what is meant.
  const withNodePort =
    isBalanced && spec.allocateLoadBalancerNodePorts === false ? ports.filter((port) => port.nodePort) : ports
  return {
    services: one,
    'count/services': one,
    'services.loadbalancers': quantityFromNumber(isBalanced ? 1 : 0),
    'services.nodeports': quantityFromNumber(isBalanced || spec?.type === 'NodePort' ? withNodePort.length : 0),
  }
}

const wholeBytes = (amount: Quantity): Quantity => {
  const unit = 1_000_000_000n
  const over = amount.nanos % unit
  return over <= 0n ? amount : { ...amount, nanos: amount.nanos - over + unit }
}

const claimUsage = (claim: PersistentVolumeClaim): ResourceAmounts => {
  const { spec, status } = claim
  const usage: ResourceAmounts = { persistentvolumeclaims: one, 'count/persistentvolumeclaims': one }
  const className = storageClassOf(claim)
  if (className !== '') usage[`${className}${storageClassSuffix}persistentvolumeclaims`] = one
  const wanted = spec?.resources?.requests?.['storage']
  if (wanted === undefined) return usage
  const requested = wholeBytes(parseQuantity(wanted))
  // An expansion that was taken back has its place until it is known not to have happened.
  const allocated = wholeBytes(parseQuantity(status?.allocatedResources?.['storage'] ?? '0'))
  const storage = maxQuantity(requested, allocated)
  usage['requests.storage'] = storage
  if (className !== '') usage[`${className}${storageClassSuffix}requests.storage`] = storage
  return usage
}

interface DeviceRequest {
  readonly deviceClassName?: string
  readonly allocationMode?: string
  readonly count?: number
}

const deviceCount = ({ allocationMode, count = 1 }: DeviceRequest): number =>
  allocationMode === 'All' ? maxDevices : count

const resourceClaimUsage = ({ spec }: ResourceClaim): ResourceAmounts => {
  const devices = new Map<string, number>()
  for (const { exactly, firstAvailable = [] } of spec?.devices?.requests ?? []) {
    // Of alternatives any may be taken: of each class the largest counts.
    const largest = new Map<string, number>()
    for (const request of exactly === undefined ? firstAvailable : [exactly]) {
      const className = request.deviceClassName ?? ''
      largest.set(className, Math.max(largest.get(className) ?? 0, deviceCount(request)))
    }
    for (const [className, count] of largest) devices.set(className, (devices.get(className) ?? 0) + count)
  }
  return {
    [countName({ group: 'resource.k8s.io', resource: 'resourceclaims' })]: one,
    ...Object.fromEntries(
      [...devices].map(([className, count]) => [`${className}${deviceClassSuffix}`, quantityFromNumber(count)]),
    ),
  }
}

/** What one object uses; `nowMs` is for Pods that should be gone. */
export const usageOf = (type: QuotaResource, object: KubeObject, nowMs: number): ResourceAmounts => {
  if (isCore(type, 'pods')) return podUsage(object as Pod, nowMs)
  if (isCore(type, 'services')) return serviceUsage(object as Service)
  if (isCore(type, 'persistentvolumeclaims')) return claimUsage(object as PersistentVolumeClaim)
  if (isClaims(type)) return resourceClaimUsage(object as ResourceClaim)
  const counted = type.group === '' && oldCounts.has(type.resource)
  return { [countName(type)]: one, ...(counted ? { [type.resource]: one } : {}) }
}

const podNames = new Set([
  'pods',
  ...['cpu', 'memory', 'ephemeral-storage'].flatMap((name) => [name, `requests.${name}`, `limits.${name}`]),
])
const serviceNames = new Set(['services', 'services.nodeports', 'services.loadbalancers'])
const claimNames = new Set(['persistentvolumeclaims', 'requests.storage'])

const isPodName = (name: string): boolean =>
  podNames.has(name) ||
  name.startsWith('hugepages-') ||
  name.startsWith('requests.hugepages-') ||
  (name.startsWith('requests.') && !isNative(name))

const isClaimName = (name: string): boolean =>
  claimNames.has(name) || [...claimNames].some((claimName) => name.endsWith(`${storageClassSuffix}${claimName}`))

/** True if objects of this resource can use something of that quota name. */
export const concerns = (type: QuotaResource, name: string): boolean => {
  if (name === countName(type)) return true
  if (isCore(type, 'pods')) return isPodName(name)
  if (isCore(type, 'services')) return serviceNames.has(name)
  if (isCore(type, 'persistentvolumeclaims')) return isClaimName(name)
  if (isClaims(type)) return name.endsWith(deviceClassSuffix)
  return type.group === '' && type.resource === name && oldCounts.has(name)
}

/** The resource whose objects a quota name counts; undefined for names that nothing is known of. */
export const resourceOfQuotaName = (name: string): QuotaResource | undefined => {
  if (name.startsWith('count/')) {
    const [resource = '', ...group] = name.slice('count/'.length).split('.')
    return { group: group.join('.'), resource }
  }
  if (serviceNames.has(name)) return { group: '', resource: 'services' }
  if (isClaimName(name)) return { group: '', resource: 'persistentvolumeclaims' }
  if (name.endsWith(deviceClassSuffix)) return { group: 'resource.k8s.io', resource: 'resourceclaims' }
  if (oldCounts.has(name)) return { group: '', resource: name }
  return isPodName(name) ? { group: '', resource: 'pods' } : undefined
}

/** Adds `more` to `sum`, for the names in `wanted` only. */
export const addUsage = (sum: ResourceAmounts, more: ResourceAmounts, wanted: ReadonlySet<string>): void => {
  for (const [name, amount] of Object.entries(more)) {
    if (!wanted.has(name)) continue
    const present = sum[name]
    sum[name] = present === undefined ? amount : addQuantities(present, amount)
  }
}
