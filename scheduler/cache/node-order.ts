/** The order in which nodes are tried. */
import type { Node } from '../../api/types.ts'
import type { LiveNodeInfo } from '../framework/node-info.ts'

/** Region and zone as one key; the same for all nodes that have neither. */
export const zoneOf = (node: Node | undefined): string => {
  const labels = node?.metadata?.labels
  return `${labels?.['topology.kubernetes.io/region'] ?? ''}/${labels?.['topology.kubernetes.io/zone'] ?? ''}`
}

/**
 * One node of each zone in turn, since a big cluster's search ends before it has seen all: what it has seen should be of
 * all zones. Upstream: nodeTree.list.
 */
export const zoneRoundRobin = (nodes: readonly LiveNodeInfo[]): LiveNodeInfo[] => {
  const zones = [...Map.groupBy(nodes, ({ node }) => zoneOf(node)).values()]
  if (zones.length < 2) return [...nodes]
  const ordered: LiveNodeInfo[] = []
  for (let turn = 0; ordered.length < nodes.length; turn++) {
    for (const zone of zones) {
      const info = zone[turn]
      if (info !== undefined) ordered.push(info)
    }
  }
  return ordered
}
