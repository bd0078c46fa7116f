import type { NodeInfo } from '../framework/node-info.ts'
import { type FilterPlugin, fits, maxNodeScore, type ScorePlugin } from '../framework/plugin.ts'
import { podResources, type PodResources, type Resources } from '../framework/resources.ts'

const hasRoomForPod = (info: NodeInfo): boolean => info.pods.size < (info.allocatable.get('pods') ?? 0)

const freeOf = (info: NodeInfo, name: string): number =>
  (info.allocatable.get(name) ?? 0) - (info.requested.get(name) ?? 0)

/** The answer for almost every node of a big cluster: it allocates nothing. */
const hasRoom = (info: NodeInfo, { wanted }: PodResources): boolean => {
  if (!hasRoomForPod(info)) return false
  for (const { name, amount } of wanted) if (amount > freeOf(info, name)) return false
  return true
}

const insufficient = (info: NodeInfo, { wanted }: PodResources): { short: string[]; never: boolean } => {
  const short: string[] = []
  let never = false
  if (!hasRoomForPod(info)) short.push('Too many pods')
  for (const { name, amount } of wanted) {
    if (amount <= freeOf(info, name)) continue
    short.push(`Insufficient ${name}`)
    // More than the whole node has: no eviction will make room.
    if (amount > (info.allocatable.get(name) ?? 0)) never = true
  }
  return { short, never }
}

/** A node has room for what the Pod requests. */
export const nodeResourcesFit: FilterPlugin<PodResources> = {
  name: 'NodeResourcesFit',
  events: ['AssignedPod/Delete', 'AssignedPod/Update', 'Node/Add', 'Node/Update'],
  preFilter: podResources,
  filter: (_pod, info, wanted) => {
    if (hasRoom(info, wanted)) return fits
    const { short, never } = insufficient(info, wanted)
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

const usedShare = (info: NodeInfo, requests: Resources, name: string): number => {
  const allocatable = info.allocatable.get(name) ?? 0
  if (allocatable === 0) return 1
  return Math.min(1, ((info.requested.get(name) ?? 0) + (requests.get(name) ?? 0)) / allocatable)
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
    const difference = usedShare(info, requests, 'cpu') - usedShare(info, requests, 'memory')
    return Math.floor((1 - Math.abs(difference) / 2) * maxNodeScore)
  },
}
