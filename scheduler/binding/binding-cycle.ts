/** What happens to a Pod once its node is chosen and reserved: wait for Permit, PreBind, Bind. */
import { pods as podsRef } from '../../api/resources.ts'
import type { Pod } from '../../api/types.ts'
import type { RestClient } from '../../client/rest/rest-client.ts'
import type { CycleState } from '../framework/cycle-state.ts'
import type { Extender } from '../framework/extender.ts'
import type { Framework } from '../framework/framework.ts'
import type { Rejection, Wait } from '../framework/status.ts'
import type { WaitingPods } from './waiting-pods.ts'

export interface Binding {
  readonly pod: Pod
  readonly nodeName: string
  readonly cycle: CycleState
  readonly framework: Framework
  /** Of Permit. */
  readonly waits: ReadonlyMap<string, Wait>
  /** Those that are interested in this Pod. */
  readonly extenders: readonly Extender[]
}

export interface BindingContext {
  readonly client: RestClient
  readonly waitingPods: WaitingPods
  readonly signal: AbortSignal
  /** From here on the Pod cannot be found unschedulable: a failure is an error. */
  readonly onPermitted: (pod: Pod) => void
  readonly onWaited: (result: 'allowed' | 'rejected', seconds: number) => void
}

/** Tells others, such as a cluster autoscaler, where the Pod will be, if that takes a while. Never rejects. */
const announce = async ({ pod, nodeName }: Binding, client: RestClient): Promise<void> => {
  if (pod.status?.nominatedNodeName === nodeName) return
  const { name = '', namespace = '', uid } = pod.metadata ?? {}
  const body = { metadata: { uid }, status: { nominatedNodeName: nodeName } }
  try {
    await client.patch(podsRef, name, namespace, body, { type: 'strategic', subresource: 'status' })
  } catch {
    // Only help for others: binding goes on, and tells more than this if the server is away.
  }
}

/** The first interested extender that binds does it instead of the Bind plugins. */
const bindByExtender = async ({ pod, nodeName, extenders }: Binding): Promise<boolean> => {
  for (const extender of extenders) {
    if (extender.bind === undefined) continue
    try {
      await extender.bind(pod, nodeName)
      return true
    } catch (error) {
      if (!extender.ignorable) throw error
    }
  }
  return false
}

/** Resolves with undefined when the Pod is bound, with a rejection of Permit, or rejects with an error. */
export const runBindingCycle = async (binding: Binding, context: BindingContext): Promise<Rejection | undefined> => {
  const { pod, nodeName, cycle, framework, waits } = binding
  const { client, waitingPods, signal, onPermitted, onWaited } = context
  const groups = framework.preBindGroups(cycle, pod, nodeName)
  // Before anything is awaited: whoever allows or rejects the Pod from here on must find it.
  const permission = waits.size > 0 ? waitingPods.wait(pod, nodeName, waits) : undefined
  if (permission !== undefined || groups.length > 0) await announce(binding, client)
  if (permission !== undefined) {
    const startedAt = performance.now()
    const rejection = await permission
    onWaited(rejection === undefined ? 'allowed' : 'rejected', (performance.now() - startedAt) / 1000)
    if (rejection !== undefined) return rejection
  }
  onPermitted(pod)
  await framework.preBind(cycle, pod, { nodeName, signal, groups })
  if (!(await bindByExtender(binding))) await framework.bind(cycle, pod, { nodeName, signal })
  framework.postBind(cycle, pod, nodeName)
  return undefined
}
