/**
 * Counting each ended Pod of a Job exactly once. A Pod goes through three stages, each visible in the store before the
 * next begins, so that a crash between any two loses and doubles nothing:
 *
 *   ended, with finalizer ─► uid in status.uncountedTerminatedPods ─► finalizer gone ─► in status.succeeded / failed
 *
 * Indexed Jobs count successes as completedIndexes, which cannot be doubled; no uid is kept for these.
 * Upstream: trackJobStatusAndRemoveFinalizers.
 */
import type { Job, Pod } from '../../api/types.ts'
import { isDeleting, uidOf } from '../objects.ts'
import { judgeFailure } from './failure-policy.ts'
import { indexOf, parseIndexes } from './indexes.ts'
import {
  indexFailureCountAnnotation,
  type IndexFailures,
  indexIgnoredFailureCountAnnotation,
  trackingFinalizer,
} from './pod.ts'

export interface JobInput {
  readonly job: Job
  /** The Pods that it owns. */
  readonly pods: readonly Pod[]
  /** Uids of Pods whose finalizer was removed by us, where the cache does not show it yet. */
  readonly released: ReadonlySet<string>
  readonly nowMs: number
}

export interface Accounts {
  /** Counted for good. */
  readonly succeeded: number
  readonly failed: number
  /** Seen to have ended, finalizer still there. */
  readonly uncountedSucceeded: readonly string[]
  readonly uncountedFailed: readonly string[]
  /** Of Indexed Jobs, counting what ended just now. */
  readonly completedIndexes: ReadonlySet<number>
  readonly failedIndexes: ReadonlySet<number>
  /** Pods that lose their finalizer once these accounts are stored. */
  readonly release: readonly Pod[]
  /** Message of a FailJob rule that matched. */
  readonly failJob: string | undefined
}

export const isIndexed = (job: Job): boolean => job.spec?.completionMode === 'Indexed'

export const isTerminal = (pod: Pod): boolean => pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed'

/** Whether a Pod is replaced only when it has failed for good, or as soon as it is being deleted. */
export const replacesOnlyFailed = (job: Job): boolean =>
  job.spec?.podReplacementPolicy === 'Failed' ||
  (job.spec?.podFailurePolicy !== undefined && job.spec.podFailurePolicy !== null)

const hasFailed = (job: Job, pod: Pod): boolean => {
  if (pod.status?.phase === 'Failed') return true
  if (replacesOnlyFailed(job)) return false
  return isDeleting(pod) && pod.status?.phase !== 'Succeeded'
}

const annotated = (pod: Pod, annotation: string): number => Number(pod.metadata?.annotations?.[annotation] ?? 0)

/** How often the index of a failed Pod has failed, this failure included. */
export const failuresAfter = (job: Job, pod: Pod): IndexFailures => {
  const counted = annotated(pod, indexFailureCountAnnotation)
  const ignored = annotated(pod, indexIgnoredFailureCountAnnotation)
  return judgeFailure(job, pod).type === 'ignore'
    ? { counted, ignored: ignored + 1 }
    : { counted: counted + 1, ignored }
}

/** The accounts as they are to be stored next. */
export const account = ({ job, pods, released }: JobInput): Accounts => {
  const completions = job.spec?.completions ?? 0
  const indexed = isIndexed(job)
  const perIndexLimit = job.spec?.backoffLimitPerIndex
  const stored = job.status?.uncountedTerminatedPods
  const completed = parseIndexes(job.status?.completedIndexes, indexed ? completions : 0)
  const failedIndexes = parseIndexes(job.status?.failedIndexes, indexed ? completions : 0)
  const ours = (pod: Pod): boolean =>
    (pod.metadata?.finalizers ?? []).includes(trackingFinalizer) && !released.has(uidOf(pod))
  const held = new Set(pods.filter(ours).map(uidOf))
  const succeededBefore = stored?.succeeded ?? []
  const failedBefore = stored?.failed ?? []
  const uncountedSucceeded = new Set(succeededBefore.filter((uid) => held.has(uid)))
  const uncountedFailed = new Set(failedBefore.filter((uid) => held.has(uid)))
  const release: Pod[] = []
  let failJob: string | undefined

  for (const pod of pods) {
    const uid = uidOf(pod)
    if (!held.has(uid)) continue
    if (uncountedSucceeded.has(uid) || uncountedFailed.has(uid)) {
      release.push(pod)
      continue
    }
    const index = indexed ? indexOf(pod) : undefined
    if (pod.status?.phase === 'Succeeded') {
      if (!indexed) uncountedSucceeded.add(uid)
      else if (index !== undefined && index < completions) completed.add(index)
      release.push(pod)
    } else if (hasFailed(job, pod)) {
      const verdict = judgeFailure(job, pod)
      if (verdict.type === 'failJob') failJob ??= verdict.message
      if (verdict.type !== 'ignore') {
        uncountedFailed.add(uid)
        const spent =
          perIndexLimit !== undefined && perIndexLimit !== null && failuresAfter(job, pod).counted > perIndexLimit
        if (index !== undefined && (spent || verdict.type === 'failIndex')) failedIndexes.add(index)
      }
      release.push(pod)
    } else if (isDeleting(job)) release.push(pod)
  }
  const counted = (before: readonly string[]): number => before.filter((uid) => !held.has(uid)).length
  for (const index of completed) failedIndexes.delete(index)
  return {
    succeeded: indexed ? completed.size : (job.status?.succeeded ?? 0) + counted(succeededBefore),
    failed: (job.status?.failed ?? 0) + counted(failedBefore),
    uncountedSucceeded: [...uncountedSucceeded],
    uncountedFailed: [...uncountedFailed],
    completedIndexes: completed,
    failedIndexes,
    release,
    failJob,
  }
}
