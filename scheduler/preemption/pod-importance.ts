/** Which Pods are worth more. Upstream: util.MoreImportantPod, GetEarliestPodStartTime. */
import type { Pod } from '../../api/types.ts'

export const priorityOf = (pod: Pod): number => pod.spec?.priority ?? 0

/** When it began to run; a Pod that does not run yet begins now. */
export const startTimeOf = (pod: Pod, nowMs: number): number => {
  const started = pod.status?.startTime
  return started === undefined ? nowMs : Date.parse(started)
}

/** Negative if `a` is more important: by priority, then because it has run longer. */
export const byImportance =
  (nowMs: number) =>
  (a: Pod, b: Pod): number =>
    priorityOf(b) - priorityOf(a) || startTimeOf(a, nowMs) - startTimeOf(b, nowMs)
