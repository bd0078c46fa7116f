/** When ready Pods become available. Upstream: controller.FindMinNextPodAvailabilityCheck. */
import { findCondition } from '../api/meta/conditions.ts'
import { isPodReady } from '../api/meta/pods.ts'
import type { Pod } from '../api/types.ts'
import { timeMs } from './objects.ts'

/** Milliseconds until the first of the ready Pods that are not available yet becomes so; undefined if there is none. */
export const nextAvailabilityMs = (
  pods: readonly Pod[],
  minReadySeconds: number,
  nowMs: number,
): number | undefined => {
  if (minReadySeconds === 0) return undefined
  let next: number | undefined
  for (const pod of pods) {
    if (!isPodReady(pod)) continue
    const since = timeMs(findCondition(pod.status?.conditions, 'Ready')?.lastTransitionTime)
    if (since === undefined) continue
    const remaining = since + minReadySeconds * 1000 - nowMs
    if (remaining > 0 && (next === undefined || remaining < next)) next = remaining
  }
  return next
}
