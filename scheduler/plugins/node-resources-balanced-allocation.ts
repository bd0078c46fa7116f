import type { NodeInfo } from '../framework/node-info.ts'
import type { Plugin } from '../framework/plugin.ts'
import { podResources, type PodResources, type Resources } from '../framework/resources.ts'
import { maxNodeScore } from '../framework/scores.ts'

const usedShare = (info: NodeInfo, requests: Resources, name: string): number => {
  const allocatable = info.allocatable.get(name) ?? 0
  if (allocatable === 0) return 1
  return Math.min(1, ((info.requested.get(name) ?? 0) + (requests.get(name) ?? 0)) / allocatable)
}

/** Prefers nodes whose cpu and memory would be used to a like degree. */
export const nodeResourcesBalancedAllocation = (): Plugin<undefined, PodResources> => ({
  name: 'NodeResourcesBalancedAllocation',
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
})
