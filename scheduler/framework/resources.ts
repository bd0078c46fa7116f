import { podRequestsInUse, type ResourceAmounts } from '../../api/meta/pods.ts'
import { parseQuantity, quantityToNumber } from '../../api/meta/quantity.ts'
import type { Container, Node, Pod } from '../../api/types.ts'

/** Amounts by resource name in plain numbers: cpu in millicores, everything else in its own unit (bytes, pieces). */
export type Resources = ReadonlyMap<string, number>

/** What a container that asks for nothing is counted as when nodes are scored. Upstream: GetNonzeroRequests. */
const nonZeroDefaults = { cpu: '100m', memory: '200Mi' }

const toAmount = (name: string, value: number): number => (name === 'cpu' ? Math.ceil(value * 1000) : Math.ceil(value))

export interface PodResources {
  /** What the Pod asks for. */
  readonly requests: Resources
  /** The requests that are not zero, as a list: it is walked for every node. */
  readonly wanted: readonly { readonly name: string; readonly amount: number }[]
  /** The same for scoring, where no request still counts for something. */
  readonly nonZero: { readonly milliCpu: number; readonly memory: number }
}

const numbersOf = (amounts: ResourceAmounts): Map<string, number> =>
  new Map(Object.entries(amounts).map(([name, quantity]) => [name, toAmount(name, quantityToNumber(quantity))]))

const withDefaults = (container: Container): Container => ({
  ...container,
  resources: { ...container.resources, requests: { ...nonZeroDefaults, ...container.resources?.requests } },
})

const asksForBoth = ({ resources }: Container): boolean =>
  resources?.requests?.['cpu'] !== undefined && resources.requests['memory'] !== undefined

/** The same Pod, where every container asks for some cpu and memory. */
const withDefaultRequests = (pod: Pod): Pod => {
  const { spec } = pod
  const containers = [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])]
  if (spec === undefined || containers.every(asksForBoth)) return pod
  return {
    ...pod,
    spec: {
      ...spec,
      containers: (spec.containers ?? []).map(withDefaults),
      initContainers: (spec.initContainers ?? []).map(withDefaults),
    },
  }
}

/** Reasons come in this order. */
const ranks: Readonly<Record<string, number>> = { cpu: 0, memory: 1, 'ephemeral-storage': 2 }
const rankOf = (name: string): number => ranks[name] ?? 3

/** While a Pod is resized it counts with the larger of what it has and what it asks for. */
const computePodResources = (pod: Pod): PodResources => {
  const requests = numbersOf(podRequestsInUse(pod))
  const counted = withDefaultRequests(pod)
  const nonZero = counted === pod ? requests : numbersOf(podRequestsInUse(counted))
  const wanted = [...requests].filter(([, amount]) => amount > 0).map(([name, amount]) => ({ name, amount }))
  wanted.sort((a, b) => rankOf(a.name) - rankOf(b.name))
  return { requests, wanted, nonZero: { milliCpu: nonZero.get('cpu') ?? 0, memory: nonZero.get('memory') ?? 0 } }
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
