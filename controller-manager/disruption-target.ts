/** The condition that says why the control plane is about to remove a Pod. Upstream: apipod.AddPodCondition, DisruptionTarget. */
import { findCondition, setCondition } from '../api/meta/conditions.ts'
import { nowRfc3339 } from '../api/meta/time.ts'
import { pods } from '../api/resources.ts'
import type { Pod } from '../api/types.ts'
import type { RestClient } from '../client/rest/rest-client.ts'
import { nameOf, namespaceOf, uidOf } from './objects.ts'

export interface Disruption {
  readonly reason: string
  readonly message: string
  readonly nowMs: number
  /** Set as well where no kubelet is left to do it. */
  readonly phase?: 'Failed'
}

/** Patches the Pod's status; nothing is written where it says so already. */
export const markDisrupted = async (client: RestClient, pod: Pod, disruption: Disruption): Promise<void> => {
  const { reason, message, nowMs, phase } = disruption
  const marked = findCondition(pod.status?.conditions, 'DisruptionTarget')?.status === 'True'
  const ended = pod.status?.phase === 'Failed' || pod.status?.phase === 'Succeeded'
  const nextPhase = phase !== undefined && !ended ? phase : undefined
  if (marked && nextPhase === undefined) return
  const condition = { type: 'DisruptionTarget', status: 'True', reason, message }
  const [entry] = setCondition([], condition, nowRfc3339(nowMs))
  const body = {
    metadata: { uid: uidOf(pod) },
    status: { conditions: [entry], ...(nextPhase === undefined ? {} : { phase: nextPhase }) },
  }
  await client.patch(pods, nameOf(pod), namespaceOf(pod), body, { type: 'strategic', subresource: 'status' })
}
