/** Facts about Pods that scheduler, kubelet, controllers and the API server must agree on. */
import type { Container, Pod, PodSpec, ResourceRequirements } from '../types.ts'
import { isConditionTrue } from './conditions.ts'
import {
  addQuantities,
  compareQuantities,
  isZeroQuantity,
  maxQuantity,
  parseQuantity,
  type Quantity,
} from './quantity.ts'

/** Amounts by resource name. */
export type ResourceAmounts = Record<string, Quantity>
export type QosClass = 'Guaranteed' | 'Burstable' | 'BestEffort'

/** Condition Ready is True. */
export const isPodReady = (pod: Pod): boolean => isConditionTrue(pod.status?.conditions, 'Ready')

/** Ready since at least `minReadySeconds` before `nowMs`. Upstream: podutil.IsPodAvailable. */
export const isPodAvailable = (pod: Pod, minReadySeconds: number, nowMs: number): boolean => {
  const ready = pod.status?.conditions?.find((condition) => condition.type === 'Ready')
  if (ready?.status !== 'True') return false
  if (minReadySeconds === 0) return true
  const since = Date.parse(ready.lastTransitionTime ?? '')
  return since + minReadySeconds * 1000 <= nowMs
}

/** All containers have stopped for good: phase Succeeded or Failed. */
export const isPodTerminal = (pod: Pod): boolean => pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed'

/** Neither finished nor being deleted. Upstream: controller.IsPodActive. */
export const isPodActive = (pod: Pod): boolean => !isPodTerminal(pod) && pod.metadata?.deletionTimestamp === undefined

/** An init container that keeps running beside the app containers: a sidecar. */
export const isRestartableInitContainer = (container: Pick<Container, 'restartPolicy'>): boolean =>
  container.restartPolicy === 'Always'

const amountsOf = (list: Readonly<Record<string, string>> | undefined): ResourceAmounts => {
  const amounts: ResourceAmounts = {}
  for (const [name, text] of Object.entries(list ?? {})) amounts[name] = parseQuantity(text)
  return amounts
}

const addInto = (sum: ResourceAmounts, amounts: Readonly<ResourceAmounts>): void => {
  for (const [name, amount] of Object.entries(amounts)) {
    const present = sum[name]
    sum[name] = present === undefined ? amount : addQuantities(present, amount)
  }
}

const raiseTo = (most: ResourceAmounts, amounts: Readonly<ResourceAmounts>): void => {
  for (const [name, amount] of Object.entries(amounts)) {
    const present = most[name]
    most[name] = present === undefined ? amount : maxQuantity(present, amount)
  }
}

type Which = 'requests' | 'limits'
type AmountsOfContainer = (container: Container, which: Which) => ResourceAmounts

const specAmounts: AmountsOfContainer = ({ resources }, which) => amountsOf(resources?.[which])

/**
 * What the containers need together: the sum of app containers and sidecars, or the largest step of
 * initialization if that is more. A step is one init container with the sidecars started before it.
 */
export const containerResources = (spec: PodSpec, which: Which, amounts = specAmounts): ResourceAmounts => {
  const total: ResourceAmounts = {}
  for (const container of spec.containers ?? []) addInto(total, amounts(container, which))
  const sidecars: ResourceAmounts = {}
  const largestStep: ResourceAmounts = {}
  for (const container of spec.initContainers ?? []) {
    const own = amounts(container, which)
    if (isRestartableInitContainer(container)) {
      addInto(total, own)
      addInto(sidecars, own)
      raiseTo(largestStep, sidecars)
    } else {
      const step = { ...own }
      addInto(step, sidecars)
      raiseTo(largestStep, step)
    }
  }
  raiseTo(total, largestStep)
  return total
}

/** Resources that spec.resources may set for the Pod as a whole. */
export const isPodLevelResource = (name: string): boolean =>
  name === 'cpu' || name === 'memory' || name.startsWith('hugepages-')

/** Resources of a Pod by its spec, or by its spec and what its node says about them. */
interface Source {
  readonly container: AmountsOfContainer
  readonly podLevel: (which: Which) => ResourceAmounts
}

const bySpec = (spec: PodSpec): Source => ({
  container: specAmounts,
  podLevel: (which) => amountsOf(spec.resources?.[which]),
})

const podResources = (spec: PodSpec, which: Which, { container, podLevel }: Source): ResourceAmounts => {
  const total = containerResources(spec, which, container)
  for (const [name, amount] of Object.entries(podLevel(which))) {
    if (isPodLevelResource(name)) total[name] = amount
  }
  return total
}

const requestsBy = (spec: PodSpec, source: Source): ResourceAmounts => {
  const total = podResources(spec, 'requests', source)
  addInto(total, amountsOf(spec.overhead))
  return total
}

const limitsBy = (spec: PodSpec, source: Source): ResourceAmounts => {
  const total = podResources(spec, 'limits', source)
  for (const [name, amount] of Object.entries(amountsOf(spec.overhead))) {
    const present = total[name]
    if (present !== undefined) total[name] = addQuantities(present, amount)
  }
  return total
}

/** What the Pod asks of a node: containers or Pod level, plus overhead. Upstream: resourcehelper.PodRequests. */
export const podRequests = ({ spec }: Pod): ResourceAmounts =>
  spec === undefined ? {} : requestsBy(spec, bySpec(spec))

/** What the Pod may use at most; overhead counts only where there is a limit. */
export const podLimits = ({ spec }: Pod): ResourceAmounts => (spec === undefined ? {} : limitsBy(spec, bySpec(spec)))

interface Reported {
  readonly resources?: ResourceRequirements
  readonly allocatedResources?: Readonly<Record<string, string>>
}

/**
 * While a Pod is resized it has what it had and may get what it asks for: the larger counts. What its node cannot give
 * at all counts no more.
 */
const bySpecAndStatus = (spec: PodSpec, { status = {} }: Pod): Source => {
  const pending = status.conditions?.find(({ type }) => type === 'PodResizePending')
  const isInfeasible = pending?.reason === 'Infeasible'
  const statuses = [...(status.containerStatuses ?? []), ...(status.initContainerStatuses ?? [])]
  const effective = (wanted: ResourceRequirements | undefined, reported: Reported | undefined, which: Which) => {
    if (reported?.resources === undefined) return amountsOf(wanted?.[which])
    const most = isInfeasible ? {} : amountsOf(wanted?.[which])
    raiseTo(most, amountsOf(reported.resources[which]))
    if (which === 'requests') raiseTo(most, amountsOf(reported.allocatedResources))
    return most
  }
  return {
    container: (container, which) => {
      // An init container that ends is not resized.
      const isFixed = spec.initContainers?.includes(container) === true && !isRestartableInitContainer(container)
      const reported = isFixed ? undefined : statuses.find(({ name }) => name === container.name)
      return effective(container.resources, reported, which)
    },
    podLevel: (which) => {
      const wanted = spec.resources?.[which]
      const amounts = effective(spec.resources, status, which)
      return Object.fromEntries(Object.entries(amounts).filter(([name]) => wanted?.[name] !== undefined))
    },
  }
}

/** Like podRequests, with what a Pod that is being resized still has. Upstream: UseStatusResources. */
export const podRequestsInUse = (pod: Pod): ResourceAmounts =>
  pod.spec === undefined ? {} : requestsBy(pod.spec, bySpecAndStatus(pod.spec, pod))

/** Like podLimits, with what a Pod that is being resized still has. Upstream: UseStatusResources. */
export const podLimitsInUse = (pod: Pod): ResourceAmounts =>
  pod.spec === undefined ? {} : limitsBy(pod.spec, bySpecAndStatus(pod.spec, pod))

const positive = (list: Readonly<Record<string, string>> | undefined): ResourceAmounts =>
  Object.fromEntries(
    Object.entries(amountsOf(list)).filter(
      ([name, amount]) => (name === 'cpu' || name === 'memory') && !isZeroQuantity(amount),
    ),
  )

const classOf = (resources: readonly (ResourceRequirements | undefined)[]): QosClass => {
  const requests: ResourceAmounts = {}
  const limits: ResourceAmounts = {}
  let allLimited = true
  for (const one of resources) {
    const own = positive(one?.limits)
    addInto(requests, positive(one?.requests))
    addInto(limits, own)
    if (own.cpu === undefined || own.memory === undefined) allLimited = false
  }
  const names = Object.keys(requests)
  if (names.length === 0 && Object.keys(limits).length === 0) return 'BestEffort'
  const equal = names.every((name) => {
    const [request, limit] = [requests[name], limits[name]]
    return request !== undefined && limit !== undefined && compareQuantities(request, limit) === 0
  })
  return allLimited && equal && names.length === Object.keys(limits).length ? 'Guaranteed' : 'Burstable'
}

/** Quality of service, from cpu and memory of all containers, or of the Pod where it sets them. Upstream: qos.ComputePodQOS. */
export const qosClass = (pod: Pod): QosClass => {
  const spec = pod.spec
  if (spec === undefined) return 'BestEffort'
  const { requests, limits } = spec.resources ?? {}
  if (Object.keys(requests ?? {}).length > 0 || Object.keys(limits ?? {}).length > 0) {
    return classOf([spec.resources])
  }
  return classOf([...(spec.containers ?? []), ...(spec.initContainers ?? [])].map((container) => container.resources))
}
