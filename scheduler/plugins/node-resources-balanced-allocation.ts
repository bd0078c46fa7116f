import type { Plugin, PluginFactory } from '../framework/plugin.ts'
import { fillNodeAmounts, nodeAmounts, requestList } from './resource-amounts.ts'
import { balanceGained, defaultResources, type ResourceSpec } from './resource-scoring.ts'

/** NodeResourcesBalancedAllocationArgs. */
export interface BalancedAllocationArgs {
  readonly resources?: readonly ResourceSpec[]
}

/** Prefers nodes whose resources would be used to a like degree. */
export const nodeResourcesBalancedAllocation: PluginFactory = (args): Plugin<undefined, readonly number[]> => {
  const { resources = defaultResources } = (args ?? {}) as BalancedAllocationArgs
  const amounts = nodeAmounts(resources)
  return {
    name: 'NodeResourcesBalancedAllocation',
    preScore: (pod) => {
      const asked = requestList(pod, resources, false)
      // A Pod that asks for nothing changes no balance: many of them would come to the same node.
      return asked.every((amount) => amount === 0) ? undefined : asked
    },
    score: (_pod, info, asked) => {
      fillNodeAmounts(amounts, info, { resources, asked, nonZero: false })
      return balanceGained(amounts.withPod, amounts.without, amounts.allocatable)
    },
  }
}
