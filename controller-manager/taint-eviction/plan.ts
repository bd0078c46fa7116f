/** When a Pod has to leave a tainted Node. Upstream: pkg/controller/tainteviction. */
import { tolerationToleratesTaint } from '../../api/core/tolerations.ts'
import type { Pod, Taint } from '../../api/types.ts'
import { createdMs, isDeleting, timeMs } from '../objects.ts'

export type EvictionPlan =
  | { readonly type: 'stay' }
  | { readonly type: 'evict' }
  /** Tolerated for a while only. */
  | { readonly type: 'evictAt'; readonly atMs: number }

/**
 * Looks at the NoExecute taints of the Pod's Node. A tolerated taint lets the Pod stay for the shortest of the
 * tolerationSeconds that apply, counted from the taint's (or the Pod's, if later) beginning: so a restart of this
 * controller does not start the time again.
 */
export const planEviction = (pod: Pod, taints: readonly Taint[], nowMs: number): EvictionPlan => {
  if (isDeleting(pod)) return { type: 'stay' }
  let atMs: number | undefined
  for (const taint of taints.filter(({ effect }) => effect === 'NoExecute')) {
    const tolerating = (pod.spec?.tolerations ?? []).filter((toleration) => tolerationToleratesTaint(toleration, taint))
    if (tolerating.length === 0) return { type: 'evict' }
    const seconds = tolerating.flatMap(({ tolerationSeconds }) =>
      tolerationSeconds === undefined || tolerationSeconds === null ? [] : [Math.max(0, tolerationSeconds)],
    )
    if (seconds.length === 0) continue
    const start = Math.max(timeMs(taint.timeAdded) ?? 0, createdMs(pod))
    const leave = start + Math.min(...seconds) * 1000
    if (atMs === undefined || leave < atMs) atMs = leave
  }
  if (atMs === undefined) return { type: 'stay' }
  return atMs <= nowMs ? { type: 'evict' } : { type: 'evictAt', atMs }
}
