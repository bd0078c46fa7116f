/** Counts and revisions of a StatefulSet. Upstream: stateful_set_control.go, stateful_set_status_updater.go. */
import { isPodAvailable, isPodReady } from '../../api/meta/pods.ts'
import type { Pod, StatefulSet } from '../../api/types.ts'
import { isDeleting } from '../objects.ts'
import type { StatefulInput } from './plan.ts'
import { replicasOf, revisionOf } from './pod.ts'

export type StatefulSetStatus = NonNullable<StatefulSet['status']>

const isCreated = (pod: Pod): boolean => (pod.status?.phase ?? '') !== ''

/** The status that the Pods amount to; a finished rolling update makes the update revision the current one. */
export const planStatefulStatus = (
  { set, pods, currentRevision, updateRevision, nowMs }: StatefulInput,
  collisionCount: number | undefined,
): StatefulSetStatus => {
  const minReadySeconds = set.spec?.minReadySeconds ?? 0
  const live = pods.filter((pod) => isCreated(pod) && !isDeleting(pod))
  const running = pods.filter((pod) => pod.status?.phase === 'Running')
  const status: StatefulSetStatus = {
    ...set.status,
    observedGeneration: set.metadata?.generation ?? 0,
    replicas: pods.filter(isCreated).length,
    readyReplicas: running.filter(isPodReady).length,
    availableReplicas: running.filter((pod) => isPodAvailable(pod, minReadySeconds, nowMs)).length,
    currentReplicas: live.filter((pod) => revisionOf(pod) === currentRevision).length,
    updatedReplicas: live.filter((pod) => revisionOf(pod) === updateRevision).length,
    currentRevision,
    updateRevision,
    ...(collisionCount === undefined ? {} : { collisionCount }),
  }
  const updated = status.updatedReplicas === replicasOf(set) && status.replicas === replicasOf(set)
  const done = updated && status.readyReplicas === replicasOf(set)
  if (set.spec?.updateStrategy?.type !== 'OnDelete' && done) {
    status.currentReplicas = status.updatedReplicas
    status.currentRevision = updateRevision
  }
  return status
}
