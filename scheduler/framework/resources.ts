import { podRequests } from '../../api/meta/pods.ts'
import { parseQuantity, quantityToNumber } from '../../api/meta/quantity.ts'
import type { Node, Pod } from '../../api/types.ts'

/** Amounts by resource name in plain numbers: cpu in millicores, everything else in its own unit (bytes, pieces). */
export type Resources = ReadonlyMap<string, number>

/** What a container that asks for nothing is counted as when nodes are scored. Upstream: GetNonzeroRequests. */
const nonZeroDefaults: Resources = new Map([
  ['cpu', 100],
  ['memory', 200 * 1024 * 1024],
])

const toAmount = (name: string, value: number): number => (name === 'cpu' ? Math.ceil(value * 1000) : Math.ceil(value))

export interface PodResources {
  /** What the Pod asks for. */
  readonly requests: Resources
  /** The requests that are not zero, as a list: it is walked for every node. */
  readonly wanted: readonly { readonly name: string; readonly amount: number }[]
  /** The same for scoring, where no request still counts for something. */
  readonly nonZero: { readonly milliCpu: number; readonly memory: number }
}

const computePodResources = (pod: Pod): PodResources => {
  const requests = new Map<string, number>()
  for (const [name, quantity] of Object.entries(podRequests(pod))) {
    requests.set(name, toAmount(name, quantityToNumber(quantity)))
  }
  const containers = pod.spec?.containers ?? []
  const missing = (name: string): number =>
    containers.filter((container) => container.resources?.requests?.[name] === undefined).length
  const nonZero = (name: 'cpu' | 'memory'): number =>
    (requests.get(name) ?? 0) + missing(name) * (nonZeroDefaults.get(name) ?? 0)
  const wanted = [...requests].filter(([, amount]) => amount > 0).map(([name, amount]) => ({ name, amount }))
  return { requests, wanted, nonZero: { milliCpu: nonZero('cpu'), memory: nonZero('memory') } }
}

const computed = new WeakMap<Pod, PodResources>()

/** Requests of a Pod, computed once for each object (objects in caches never change). */
export const podResources = (pod: Pod): PodResources => {
  const known = computed.get(pod)
  if (known !== undefined) return known
  const resources = computePodResources(pod)
  computed.set(pod, resources)
  return resources
}

/** What a Node offers to Pods: status.allocatable in plain numbers. */
export const allocatableOf = (node: Node): Resources =>
  new Map(
    Object.entries(node.status?.allocatable ?? {}).map(([name, text]) => [
      name,
      toAmount(name, quantityToNumber(parseQuantity(text))),
    ]),
  )
