import type { NodeInfo } from '../framework/node-info.ts'
import { type FilterPlugin, fits, maxNodeScore, type ScorePlugin } from '../framework/plugin.ts'
import { podResources, type PodResources } from '../framework/resources.ts'

/** Upstream checks these on every node; all others only where the Pod asks for them. */
const insufficient = (info: NodeInfo, { requests }: PodResources): { short: string[]; never: boolean } => {
  const short: string[] = []
  let never = false
  if (info.pods.size + 1 > (info.allocatable.get('pods') ?? 0)) short.push('Too many pods')
  for (const [name, amount] of requests) {
    if (amount === 0) continue
    const allocatable = info.allocatable.get(name) ?? 0
    if (amount <= allocatable - (info.requested.get(name) ?? 0)) continue
    short.push(`Insufficient ${name}`)
    // More than the whole node has: no eviction will make room.
    if (amount > allocatable) never = true
  }
  return { short, never }
}

/** A node has room for what the Pod requests. */
export const nodeResourcesFit: FilterPlugin<PodResources> = {
  name: 'NodeResourcesFit',
  events: ['AssignedPod/Delete', 'AssignedPod/Update', 'Node/Add', 'Node/Update'],
  preFilter: podResources,
  filter: (_pod, info, wanted) => {
    const { short, never } = insufficient(info, wanted)
    if (short.length === 0) return fits
    return { type: never ? 'unresolvable' : 'unschedulable', reasons: short }
  },
}

const freeShare = (used: number, allocatable: number): number =>
  allocatable === 0 || used > allocatable ? 0 : ((allocatable - used) * maxNodeScore) / allocatable

/** Strategy LeastAllocated over cpu and memory: the emptiest node scores highest. */
export const leastAllocated: ScorePlugin<PodResources> = {
  name: 'NodeResourcesFit',
  weight: 1,
  preScore: podResources,
  score: (_pod, info, { nonZero }) => {
    const cpu = freeShare(info.nonZeroMilliCpu + nonZero.milliCpu, info.allocatable.get('cpu') ?? 0)
    const memory = freeShare(info.nonZeroMemory + nonZero.memory, info.allocatable.get('memory') ?? 0)
    return Math.floor((cpu + memory) / 2)
  },
}

/** Prefers nodes whose cpu and memory would be used to a like degree. */
export const balancedAllocation: ScorePlugin<PodResources> = {
  name: 'NodeResourcesBalancedAllocation',
  weight: 1,
  preScore: (pod) => {
    const resources = podResources(pod)
    // A Pod that asks for nothing changes no balance.
    return (resources.requests.get('cpu') ?? 0) === 0 && (resources.requests.get('memory') ?? 0) === 0
      ? undefined
      : resources
  },
  score: (_pod, info, { requests }) => {
    const share = (name: string): number => {
      const allocatable = info.allocatable.get(name) ?? 0
      return allocatable === 0
        ? 1
        : Math.min(1, ((info.requested.get(name) ?? 0) + (requests.get(name) ?? 0)) / allocatable)
    }
    return Math.floor((1 - Math.abs(share('cpu') - share('memory')) / 2) * maxNodeScore)
  },
}
