/**
 * How fast Nodes may be emptied. Where most of a zone is silent, the fault is more likely in the network between than
 * in the Nodes, and evicting would make it worse. Upstream: node_lifecycle_controller.go, ComputeZoneState.
 */
import type { Node } from '../../api/types.ts'
import { labelsOf } from '../objects.ts'
import { readyStatus } from './conditions.ts'

export type ZoneState = 'Initial' | 'Normal' | 'PartialDisruption' | 'FullDisruption'

export interface EvictionRates {
  /** Nodes a second in a healthy zone. */
  readonly primary: number
  readonly secondary: number
  /** Zones of at most so many Nodes stop evicting when partially disrupted. */
  readonly largeClusterThreshold: number
  readonly unhealthyThreshold: number
}

/** Region and zone of a Node; Nodes without labels are one zone. */
export const zoneKey = (node: Node): string => {
  const labels = labelsOf(node)
  return `${labels['topology.kubernetes.io/region'] ?? ''}:\u0000:${labels['topology.kubernetes.io/zone'] ?? ''}`
}

export const zoneState = (nodes: readonly Node[], unhealthyThreshold: number): ZoneState => {
  const notReady = nodes.filter((node) => readyStatus(node) !== 'True').length
  if (notReady === nodes.length && notReady > 0) return 'FullDisruption'
  if (notReady > 2 && notReady / nodes.length >= unhealthyThreshold) return 'PartialDisruption'
  return 'Normal'
}

/** Nodes a second that may be tainted for eviction in each zone. Where all zones are dark nobody is evicted. */
export const evictionRates = (nodes: readonly Node[], rates: EvictionRates): Map<string, number> => {
  const zones = new Map<string, Node[]>()
  for (const node of nodes) zones.set(zoneKey(node), [...(zones.get(zoneKey(node)) ?? []), node])
  const states = new Map([...zones].map(([key, members]) => [key, zoneState(members, rates.unhealthyThreshold)]))
  const allDark = states.size > 0 && [...states.values()].every((state) => state === 'FullDisruption')
  const result = new Map<string, number>()
  for (const [key, members] of zones) {
    const state = states.get(key)
    const small = members.length <= rates.largeClusterThreshold
    if (allDark) result.set(key, 0)
    else if (state === 'PartialDisruption') result.set(key, small ? 0 : rates.secondary)
    else result.set(key, rates.primary)
  }
  return result
}
