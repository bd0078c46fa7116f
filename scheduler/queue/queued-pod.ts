import type { Pod } from '../../api/types.ts'
import type { QueuedPodInfo } from '../framework/plugin.ts'
import type { Rejectors } from './requeue.ts'

/** Where a Pod is; `gated` is `unschedulable` by PreEnqueue, `inFlight` in a scheduling cycle. */
export type QueueState = 'active' | 'backoff' | 'unschedulable' | 'gated' | 'inFlight'

/** A Pod without a node, with all that the queue knows of it. */
export interface QueuedPod extends QueuedPodInfo {
  pod: Pod
  state: QueueState
  timestamp: number
  attempts: number
  /** When it was tried for the first time. */
  firstAttemptAt: number | undefined
  /** When it was last tried. */
  attemptAt: number
  /** Attempts in which it was rejected, and errors in a row: each has a back-off of its own. */
  unschedulableCount: number
  consecutiveErrors: number
  rejectors: Rejectors
  /** When its back-off is over. */
  backoffUntil: number
  /** Goes up with each change of state: an older entry in a heap, or an older timer, is void. */
  ticket: number
}

export const noRejectors: Rejectors = { unschedulablePlugins: new Set(), pendingPlugins: new Set() }

export const newQueuedPod = (pod: Pod, now: number): QueuedPod => ({
  pod,
  state: 'gated',
  timestamp: now,
  addedAt: now,
  attempts: 0,
  firstAttemptAt: undefined,
  attemptAt: now,
  unschedulableCount: 0,
  consecutiveErrors: 0,
  rejectors: noRejectors,
  backoffUntil: 0,
  ticket: 0,
})

/** Back-offs end at whole seconds, so that Pods of one second are ordered by their importance. */
export const backoffWindowMs = 1_000

export const windowOf = (time: number): number => Math.floor(time / backoffWindowMs) * backoffWindowMs

/** Doubles with each failure of the sort that was the last. */
export const backoffEnd = (
  queued: QueuedPod,
  { initialBackoffMs, maxBackoffMs }: { readonly initialBackoffMs: number; readonly maxBackoffMs: number },
): number => {
  const failures = queued.consecutiveErrors > 0 ? queued.consecutiveErrors : queued.unschedulableCount
  if (failures === 0) return 0
  return windowOf(queued.timestamp + Math.min(maxBackoffMs, initialBackoffMs * 2 ** (failures - 1)))
}
