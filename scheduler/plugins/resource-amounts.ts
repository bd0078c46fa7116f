/** Amounts of resources for scoring: what the Pod asks for and what nodes have, in the order of a list of resources. */
import { isExtendedResource, isHugePage } from '../../api/core/pod-spec/validate-resources.ts'
import type { Pod } from '../../api/types.ts'
import type { NodeInfo } from '../framework/node-info.ts'
import { podResources } from '../framework/resources.ts'
import type { ResourceSpec } from './resource-scoring.ts'

/** Extended resources and their like. One that the Pod does not ask for is left out of its score. */
const isScalar = (name: string): boolean =>
  isExtendedResource(name) || isHugePage(name) || name.startsWith('attachable-volumes-') || name.includes('/')

/** What a Pod asks for; `nonZero` counts containers that ask for no cpu or memory as if they did. */
export const requestList = (pod: Pod, resources: readonly ResourceSpec[], nonZero: boolean): number[] => {
  const asked = podResources(pod)
  return resources.map(({ name }) => {
    if (nonZero && name === 'cpu') return asked.nonZero.milliCpu
    if (nonZero && name === 'memory') return asked.nonZero.memory
    return asked.requests.get(name) ?? 0
  })
}

const usedOf = (info: NodeInfo, name: string, nonZero: boolean): number => {
  if (nonZero && name === 'cpu') return info.nonZeroMilliCpu
  if (nonZero && name === 'memory') return info.nonZeroMemory
  return info.requested.get(name) ?? 0
}

/** One node's amounts. The arrays are filled anew for each node: cycles are synchronous, and nodes are many. */
export interface NodeAmounts {
  readonly allocatable: number[]
  readonly without: number[]
  readonly withPod: number[]
}

export const nodeAmounts = (resources: readonly ResourceSpec[]): NodeAmounts => ({
  allocatable: resources.map(() => 0),
  without: resources.map(() => 0),
  withPod: resources.map(() => 0),
})

export const fillNodeAmounts = (
  amounts: NodeAmounts,
  info: NodeInfo,
  by: { readonly resources: readonly ResourceSpec[]; readonly asked: readonly number[]; readonly nonZero: boolean },
): void => {
  const { resources, asked, nonZero } = by
  for (let index = 0; index < resources.length; index++) {
    const name = resources[index]?.name ?? ''
    const own = asked[index] ?? 0
    const passedOver = own === 0 && isScalar(name)
    const capacity = passedOver ? 0 : (info.allocatable.get(name) ?? 0)
    const used = capacity === 0 ? 0 : usedOf(info, name, nonZero)
    amounts.allocatable[index] = capacity
    amounts.without[index] = used
    amounts.withPod[index] = capacity === 0 ? 0 : used + own
  }
}
