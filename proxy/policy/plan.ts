/** From a whole world to what a node's table holds. Pure; what the engine does step by step, at once. */
import type { Namespace, NetworkPolicy, Pod } from '../../api/types.ts'
import type { Fragment } from '../nftables/table.ts'
import { compilePolicy } from './compile.ts'
import { factsOf, type SandboxAddresses } from './pod-facts.ts'
import { type NodeNetwork, PolicyState } from './policy-state.ts'

export interface PolicyWorld {
  readonly nodeName: string
  readonly node: NodeNetwork
  readonly policies: readonly NetworkPolicy[]
  readonly pods: readonly Pod[]
  readonly namespaces: readonly Namespace[]
  readonly sandboxes?: SandboxAddresses
}

const keyOf = ({ metadata }: Pod | NetworkPolicy): string => `${metadata?.namespace}/${metadata?.name}`

/** All that the node's table has beside its base rules. */
export const planPolicies = (world: PolicyWorld): Fragment => {
  const state = new PolicyState()
  state.setNode(world.node)
  for (const { metadata } of world.namespaces) state.setNamespace(metadata?.name ?? '', metadata?.labels ?? {})
  for (const pod of world.pods) state.setPod(keyOf(pod), factsOf(pod, world.nodeName, world.sandboxes ?? new Map()))
  for (const policy of world.policies) state.setPolicy(keyOf(policy), compilePolicy(policy))
  state.flush()
  return state.whole()
}
