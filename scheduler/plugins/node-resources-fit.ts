import type { NodeInfo } from '../framework/node-info.ts'
import type { Plugin } from '../framework/plugin.ts'
import { podResources, type PodResources } from '../framework/resources.ts'
import { maxNodeScore } from '../framework/scores.ts'
import { unresolvable, unschedulable } from '../framework/status.ts'

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

const freeShare = (used: number, allocatable: number): number =>
  allocatable === 0 || used > allocatable ? 0 : ((allocatable - used) * maxNodeScore) / allocatable

/**
 * A node has room for what the Pod requests. Scores by strategy LeastAllocated over cpu and memory: the emptiest node is
 * the best.
 */
export const nodeResourcesFit = (): Plugin<PodResources, PodResources> => ({
  name: 'NodeResourcesFit',
  eventsToRegister: [
    { resource: 'AssignedPod', actions: ['Delete', 'UpdatePodScaleDown'] },
    { resource: 'TargetPod', actions: ['UpdatePodScaleDown'] },
    { resource: 'Node', actions: ['Add', 'UpdateNodeAllocatable'] },
  ],
  preFilter: (pod) => ({ code: 'Success', state: podResources(pod) }),
  filter: (_pod, info, wanted) => {
    if (hasRoom(info, wanted)) return undefined
    const { short, never } = insufficient(info, wanted)
    return never ? unresolvable(...short) : unschedulable(...short)
  },
  preScore: podResources,
  score: (_pod, info, { nonZero }) => {
    const cpu = freeShare(info.nonZeroMilliCpu + nonZero.milliCpu, info.allocatable.get('cpu') ?? 0)
    const memory = freeShare(info.nonZeroMemory + nonZero.memory, info.allocatable.get('memory') ?? 0)
    return Math.floor((cpu + memory) / 2)
  },
})
