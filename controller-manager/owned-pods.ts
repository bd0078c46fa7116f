/** Events of Pods as keys of their owners, for every controller that owns Pods. */
import { controllerOf } from '../api/meta/owners.ts'
import type { KubeObject, Pod } from '../api/types.ts'
import type { Informer } from '../client/cache/informer.ts'
import type { Lister } from '../client/cache/store.ts'
import type { ControllerExpectations } from '../client/controller/expectations.ts'
import type { WorkQueue } from '../client/workqueue/work-queue.ts'
import { isDeleting, keyOf, namespaceOf, uidOf } from './objects.ts'
import { ownerKey } from './wiring.ts'

export interface OwnedPodsOptions<T extends KubeObject> {
  readonly pods: Informer<Pod>
  readonly owners: Lister<T>
  readonly kind: string
  readonly queue: WorkQueue
  /** Whether the owner could adopt this orphan. */
  readonly couldAdopt: (owner: T, pod: Pod) => boolean
  /** Kept apart, because one sync may expect both. */
  readonly creations: ControllerExpectations
  readonly deletions: ControllerExpectations
  /** Beside the enqueueing of the owner. */
  readonly onUpdate?: (key: string, old: Pod, pod: Pod) => void
}

/** Enqueues owners on every change of their Pods and settles what they expected to see. */
export const watchOwnedPods = <T extends KubeObject>(options: OwnedPodsOptions<T>): void => {
  const { pods, owners, kind, queue, creations, deletions } = options
  const enqueueCandidates = (pod: Pod): void => {
    if (controllerOf(pod) !== undefined || isDeleting(pod)) return
    for (const owner of owners.byNamespace(namespaceOf(pod))) {
      if (options.couldAdopt(owner, pod)) queue.add(keyOf(owner))
    }
  }
  pods.addHandler({
    onAdd: (pod) => {
      const key = ownerKey(pod, kind)
      if (key === undefined) return enqueueCandidates(pod)
      // Going already when first seen (after a restart): that is no creation.
      if (isDeleting(pod)) deletions.deletionObserved(key, uidOf(pod))
      else creations.creationObserved(key)
      queue.add(key)
    },
    onUpdate: (old, pod) => {
      const key = ownerKey(pod, kind)
      const oldKey = ownerKey(old, kind)
      if (oldKey !== undefined && isDeleting(pod)) deletions.deletionObserved(oldKey, uidOf(pod))
      if (oldKey !== undefined && oldKey !== key) queue.add(oldKey)
      if (key === undefined) return enqueueCandidates(pod)
      queue.add(key)
      options.onUpdate?.(key, old, pod)
    },
    onDelete: (pod) => {
      const key = ownerKey(pod, kind)
      if (key === undefined) return
      deletions.deletionObserved(key, uidOf(pod))
      queue.add(key)
    },
  })
}
