/**
 * Takes back the word of somebody who said that a Pod was about to be disrupted, where nothing came of it.
 * Upstream: the stale pod disruption cleanup of pkg/controller/disruption.
 */
import { findCondition } from '../../api/meta/conditions.ts'
import { isPodTerminal } from '../../api/meta/pods.ts'
import type { Pod } from '../../api/types.ts'
import { isDeleting, timeMs } from '../objects.ts'

/** So long it may take from the condition to the deletion. */
export const staleAfterMs = 120_000

/** When the condition DisruptionTarget becomes stale; undefined for Pods that have none, or are on their way out. */
export const staleAtMs = (pod: Pod): number | undefined => {
  if (isDeleting(pod) || isPodTerminal(pod)) return undefined
  const condition = findCondition(pod.status?.conditions, 'DisruptionTarget')
  // A kubelet that is about to end a Pod takes as long as it takes.
  if (condition?.status !== 'True' || condition.reason === 'TerminationByKubelet') return undefined
  return (timeMs(condition.lastTransitionTime) ?? 0) + staleAfterMs
}
