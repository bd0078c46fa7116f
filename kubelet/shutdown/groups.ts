/** Who ends when as a node shuts down. Pure. Upstream: pkg/kubelet/nodeshutdown. */
import type { ShutdownGrace } from '../config/config.ts'
import type { BoundPod } from '../pod.ts'

export interface ShutdownGroup {
  readonly graceSeconds: number
  readonly pods: readonly BoundPod[]
}

/** In the order of their end: the least important first. Pods below the lowest priority named end with that. */
export const shutdownGroups = (
  grace: readonly ShutdownGrace[],
  pods: readonly BoundPod[],
): readonly ShutdownGroup[] => {
  const levels = grace.toSorted((a, b) => a.priority - b.priority)
  const levelOf = (pod: BoundPod): number =>
    Math.max(
      0,
      levels.findLastIndex(({ priority }) => priority <= (pod.spec.priority ?? 0)),
    )
  return levels
    .map(({ graceSeconds }, level) => ({ graceSeconds, pods: pods.filter((pod) => levelOf(pod) === level) }))
    .filter((group) => group.pods.length > 0)
}

/** A Pod's own grace period, where that is shorter. */
export const graceOf = (pod: BoundPod, graceSeconds: number): number =>
  Math.min(graceSeconds, pod.spec.terminationGracePeriodSeconds ?? graceSeconds)

/** How long the node has to wait for all of them. */
export const totalGraceMs = (grace: readonly ShutdownGrace[]): number =>
  grace.reduce((sum, { graceSeconds }) => sum + graceSeconds * 1000, 0)
