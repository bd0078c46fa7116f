/** Which of a set's Pods go first when there are too many. Upstream: controller.ActivePodsWithRanks. */
import { findCondition } from '../api/meta/conditions.ts'
import { isPodReady } from '../api/meta/pods.ts'
import type { Pod } from '../api/types.ts'
import { annotationsOf, createdMs, nameOf, timeMs } from './objects.ts'

const deletionCostAnnotation = 'controller.kubernetes.io/pod-deletion-cost'

const phaseOrder: Readonly<Record<string, number>> = { Pending: 0, Unknown: 1, Running: 2 }

const deletionCost = (pod: Pod): number => {
  const text = annotationsOf(pod)[deletionCostAnnotation]
  return text !== undefined && /^(0|-?[1-9][0-9]*)$/.test(text) ? Number(text) : 0
}

const readySinceMs = (pod: Pod): number => {
  const ready = findCondition(pod.status?.conditions, 'Ready')
  return ready?.status === 'True' ? (timeMs(ready.lastTransitionTime) ?? 0) : 0
}

/** Restarts of running containers; init containers that go on running count too. */
const maxRestarts = (pod: Pod): number =>
  Math.max(0, ...(pod.status?.containerStatuses ?? []).map((status) => status.restartCount ?? 0))

/** Ages in powers of two: among Pods of about the same age the choice is left to chance (here: the uid). */
const ageBucket = (sinceMs: number, nowMs: number): number =>
  sinceMs === 0 ? -1 : Math.floor(Math.log2(Math.max(1, nowMs - sinceMs)))

/**
 * `pods` with the least wanted first. `rankOf` counts the related Pods on a Pod's node: more of them, sooner gone.
 */
export const rankForDeletion = (pods: readonly Pod[], rankOf: (pod: Pod) => number, nowMs: number): Pod[] => {
  const facts = pods.map((pod) => ({
    pod,
    assigned: (pod.spec?.nodeName ?? '') === '' ? 0 : 1,
    phase: phaseOrder[pod.status?.phase ?? 'Unknown'] ?? 1,
    ready: isPodReady(pod) ? 1 : 0,
    cost: deletionCost(pod),
    rank: rankOf(pod),
    readyAge: ageBucket(readySinceMs(pod), nowMs),
    restarts: maxRestarts(pod),
    age: ageBucket(createdMs(pod), nowMs),
    uid: pod.metadata?.uid ?? nameOf(pod),
  }))
  facts.sort(
    (a, b) =>
      a.assigned - b.assigned ||
      a.phase - b.phase ||
      a.ready - b.ready ||
      a.cost - b.cost ||
      b.rank - a.rank ||
      a.readyAge - b.readyAge ||
      b.restarts - a.restarts ||
      a.age - b.age ||
      (a.uid < b.uid ? -1 : 1),
  )
  return facts.map(({ pod }) => pod)
}
