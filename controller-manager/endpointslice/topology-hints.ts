/**
 * Which zone each endpoint of a Service should serve, in proportion to the CPU of the zones' Nodes: for Services with
 * the annotation `service.kubernetes.io/topology-mode: Auto`. Upstream: k8s.io/endpointslice/topologycache.
 */
import { isConditionTrue } from '../../api/meta/conditions.ts'
import { milliValue } from '../../api/meta/quantity.ts'
import type { EndpointSlice, Node, Service } from '../../api/types.ts'
import { annotationsOf, labelsOf } from '../objects.ts'
import { zoneOf } from '../service-endpoints.ts'

type Endpoint = NonNullable<EndpointSlice['endpoints']>[number]

/** How much more than its share an endpoint may have to carry. */
const overloadThreshold = 0.2
const excludingLabels = ['node-role.kubernetes.io/control-plane', 'node-role.kubernetes.io/master']

/** The older annotation wins where both are set. */
export const wantsTopologyHints = (service: Service): boolean => {
  const annotations = annotationsOf(service)
  const mode =
    annotations['service.kubernetes.io/topology-aware-hints'] ?? annotations['service.kubernetes.io/topology-mode']
  return mode === 'Auto' || mode === 'auto'
}

/** What of a Node the shares of zones depend on; equal for Nodes whose difference does not matter. */
export const topologyFacts = (node: Node): string => {
  if (excludingLabels.some((label) => labelsOf(node)[label] !== undefined)) return ''
  if (!isConditionTrue(node.status?.conditions, 'Ready')) return ''
  return `${zoneOf(node) ?? ''} ${milliValue(node.status?.allocatable?.['cpu'] ?? '0')}`
}

/** Share of the cluster's CPU by zone; undefined if it cannot be known, or if there is one zone only. */
export const cpuShares = (nodes: readonly Node[]): ReadonlyMap<string, number> | undefined => {
  const milli = new Map<string, number>()
  let total = 0
  for (const node of nodes) {
    const facts = topologyFacts(node)
    if (facts === '') continue
    const [zone = '', cpu = ''] = facts.split(' ')
    if (zone === '' || Number(cpu) === 0) return undefined
    milli.set(zone, (milli.get(zone) ?? 0) + Number(cpu))
    total += Number(cpu)
  }
  if (milli.size < 2) return undefined
  return new Map([...milli].map(([zone, cpu]) => [zone, cpu / total]))
}

interface Allocation {
  readonly maximum: number
  readonly desired: number
}

const disabled = (message: string) => ({ type: 'disabled', message }) as const

const allocate = (
  shares: ReadonlyMap<string, number>,
  count: number,
): { readonly type: 'disabled'; readonly message: string } | Map<string, Allocation> => {
  const told = `(${count} endpoints, ${shares.size} zones)`
  if (shares.size > count) return disabled(`Insufficient number of endpoints ${told}`)
  const minimums = new Map(
    [...shares].map(([zone, share]) => [zone, Math.ceil((share * count) / (1 + overloadThreshold))]),
  )
  const spare = count - [...minimums.values()].reduce((sum, minimum) => sum + minimum, 0)
  if (spare < 0) {
    return disabled(
      `Unable to allocate minimum required endpoints to each zone without exceeding overload threshold ${told}`,
    )
  }
  return new Map(
    [...shares].map(([zone, share]) => {
      const minimum = minimums.get(zone) ?? 0
      return [zone, { maximum: minimum + spare, desired: Math.max(share * count, minimum) }]
    }),
  )
}

const most = (amounts: ReadonlyMap<string, number>): readonly [zone: string, amount: number] =>
  [...amounts].reduce<readonly [string, number]>((best, entry) => (entry[1] > best[1] ? entry : best), ['', 0])

/** Zones that have too many endpoints, and those that get them: both as a list of one entry an endpoint. */
const planMoves = (
  allocations: ReadonlyMap<string, Allocation>,
  counts: ReadonlyMap<string, number>,
): { readonly from: string; readonly to: string }[] => {
  const give = new Map<string, number>()
  const need = new Map<string, number>()
  for (const [zone, { desired }] of allocations) {
    const difference = (counts.get(zone) ?? 0) - desired
    if (difference > 0) give.set(zone, difference)
    else if (difference < 0) need.set(zone, -difference)
  }
  const moves: { from: string; to: string }[] = []
  for (;;) {
    const [from, surplus] = most(give)
    const [to, lack] = most(need)
    if (from === '' || to === '' || surplus < 0.5 || lack < 0.5 || (surplus < 1 && lack < 1)) return moves
    moves.push({ from, to })
    give.set(from, surplus - 1)
    need.set(to, lack - 1)
  }
}

export type TopologyHints =
  /** The zone of each endpoint, in their order; undefined for those that are not ready. */
  | { readonly type: 'zones'; readonly zones: readonly (string | undefined)[] }
  /** Without hints all endpoints serve all zones. */
  | { readonly type: 'disabled'; readonly message: string }

/** `previous`: the zones that the endpoints serve now; they keep them as long as no zone would get too much. */
export const planTopologyHints = (
  endpoints: readonly Endpoint[],
  previous: readonly (string | undefined)[],
  shares: ReadonlyMap<string, number> | undefined,
): TopologyHints => {
  if (shares === undefined) {
    return disabled('Insufficient Node information: allocatable CPU or zone not specified on one or more nodes')
  }
  const ready = endpoints.flatMap((endpoint, index) => (endpoint.conditions?.ready === true ? [index] : []))
  const allocations = allocate(shares, ready.length)
  if (!(allocations instanceof Map)) return allocations
  const zones: (string | undefined)[] = endpoints.map(() => undefined)
  const counts = new Map<string, number>()
  const put = (index: number, zone: string): void => {
    zones[index] = zone
    counts.set(zone, (counts.get(zone) ?? 0) + 1)
  }
  const free: number[] = []
  for (const index of ready) {
    if (!endpoints[index]?.zone) return disabled('One or more endpoints do not have a zone specified')
    const zone = previous[index]
    const allocation = zone === undefined ? undefined : allocations.get(zone)
    if (zone !== undefined && allocation !== undefined && (counts.get(zone) ?? 0) < allocation.maximum) put(index, zone)
    else free.push(index)
  }
  for (const index of free) put(index, endpoints[index]?.zone ?? '')
  const moves = planMoves(allocations, counts)
  for (const index of free) {
    const move = moves.findIndex(({ from }) => from === zones[index])
    const [taken] = move < 0 ? [] : moves.splice(move, 1)
    if (taken !== undefined) zones[index] = taken.to
  }
  return { type: 'zones', zones }
}
