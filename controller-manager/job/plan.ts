/** What a Job does next. Upstream: pkg/controller/job. */
import { findCondition } from '../../api/meta/conditions.ts'
import { isPodReady } from '../../api/meta/pods.ts'
import { nowRfc3339 } from '../../api/meta/time.ts'
import type { Job, Pod } from '../../api/types.ts'
import { isDeleting, timeMs, uidOf } from '../objects.ts'
import { rankForDeletion } from '../pod-ranking.ts'
import {
  type Accounts,
  account,
  failuresAfter,
  isIndexed,
  isTerminal,
  type JobInput,
  replacesOnlyFailed,
} from './accounting.ts'
import { firstPending, formatIndexes, indexOf } from './indexes.ts'
import { deadlineRemainingMs, type Outcome, outcomeOf } from './outcome.ts'
import type { IndexFailures } from './pod.ts'

/** One sync makes or deletes at most so many Pods. */
const maxPodsPerSync = 500
const backoffInitialMs = 10_000
const backoffMaxMs = 600_000

export type JobStatus = NonNullable<Job['status']>
type JobCondition = NonNullable<JobStatus['conditions']>[number]

/** A Pod to make; without an index where the Job is not Indexed. */
export interface NewPod {
  readonly index?: number
  readonly failures?: IndexFailures
}

export interface JobEvent {
  readonly type: 'Normal' | 'Warning'
  readonly reason: string
  readonly message: string
}

export interface JobPlan {
  readonly create: readonly NewPod[]
  readonly delete: readonly Pod[]
  /** Pods whose finalizer goes after the status is stored. */
  readonly release: readonly Pod[]
  readonly status: JobStatus
  readonly events: readonly JobEvent[]
  readonly requeueAfterMs: number | undefined
}

export const isFinished = (job: Job): boolean =>
  (job.status?.conditions ?? []).some(
    ({ type, status }) => (type === 'Complete' || type === 'Failed') && status === 'True',
  )

const finishedMs = (pod: Pod): number => {
  const ended = (pod.status?.containerStatuses ?? [])
    .map(({ state }) => timeMs(state?.terminated?.finishedAt))
    .filter((time) => time !== undefined)
  return Math.max(0, ...ended) || (timeMs(pod.metadata?.deletionTimestamp) ?? 0)
}

/** Milliseconds to wait before Pods are made again: doubles with each failure since the last success. */
export const backoffMs = (pods: readonly Pod[], nowMs: number): number => {
  const lastSuccess = Math.max(0, ...pods.filter((pod) => pod.status?.phase === 'Succeeded').map(finishedMs))
  const failures = pods.filter((pod) => pod.status?.phase === 'Failed').map(finishedMs)
  const recent = failures.filter((time) => time >= lastSuccess)
  if (recent.length === 0) return 0
  const delay = Math.min(backoffInitialMs * 2 ** (recent.length - 1), backoffMaxMs)
  return Math.max(0, Math.max(...recent) + delay - nowMs)
}

const withCondition = (conditions: readonly JobCondition[], next: JobCondition, nowMs: number): JobCondition[] => {
  const current = findCondition(conditions, next.type)
  if (current?.status === next.status && current.reason === next.reason && current.message === next.message) {
    return [...conditions]
  }
  const now = nowRfc3339(nowMs)
  const stamped: JobCondition = { ...next, lastProbeTime: now, lastTransitionTime: now }
  return [...conditions.filter(({ type }) => type !== next.type), stamped]
}

interface Wanted {
  readonly create: readonly NewPod[]
  readonly delete: readonly Pod[]
  readonly waitMs: number
}

const perIndexPods = (input: JobInput, indexes: readonly number[]): { pods: NewPod[]; waitMs: number } => {
  const pods: NewPod[] = []
  let waitMs = 0
  for (const index of indexes) {
    const failed = input.pods.filter((pod) => indexOf(pod) === index && pod.status?.phase === 'Failed')
    const counts = failed.map((pod) => failuresAfter(input.job, pod))
    const total = ({ counted, ignored }: IndexFailures): number => counted + ignored
    const failures = counts.reduce((most, next) => (total(next) > total(most) ? next : most), {
      counted: 0,
      ignored: 0,
    })
    const last = Math.max(0, ...failed.map(finishedMs))
    const tries = total(failures)
    const delay = tries === 0 ? 0 : Math.min(backoffInitialMs * 2 ** (tries - 1), backoffMaxMs)
    const wait = last + delay - input.nowMs
    if (tries > 0 && wait > 0) waitMs = waitMs === 0 ? wait : Math.min(waitMs, wait)
    else pods.push({ index, failures })
  }
  return { pods, waitMs }
}

const planIndexed = (input: JobInput, accounts: Accounts, active: readonly Pod[], wanted: number): Wanted => {
  const { job, pods, nowMs } = input
  const completions = job.spec?.completions ?? 0
  const seen = new Set<number>()
  const surplus: Pod[] = []
  for (const pod of active) {
    const index = indexOf(pod)
    const useless =
      index === undefined || index >= completions || seen.has(index) || accounts.completedIndexes.has(index)
    if (useless) surplus.push(pod)
    else seen.add(index)
  }
  const useful = active.filter((pod) => !surplus.includes(pod))
  if (useful.length > wanted) {
    surplus.push(...rankForDeletion(useful, () => 0, nowMs).slice(0, useful.length - wanted))
    return { create: [], delete: surplus, waitMs: 0 }
  }
  const taken = new Set([...seen, ...accounts.completedIndexes, ...accounts.failedIndexes])
  if (replacesOnlyFailed(job)) {
    for (const pod of pods) {
      const index = indexOf(pod)
      if (isDeleting(pod) && !isTerminal(pod) && index !== undefined) taken.add(index)
    }
  }
  const count = Math.min(wanted - useful.length, maxPodsPerSync)
  const indexes = firstPending(taken, completions, count)
  if (job.spec?.backoffLimitPerIndex !== undefined && job.spec.backoffLimitPerIndex !== null) {
    const { pods: create, waitMs } = perIndexPods(input, indexes)
    return { create, delete: surplus, waitMs }
  }
  const waitMs = indexes.length > 0 ? backoffMs(pods, nowMs) : 0
  return { create: waitMs > 0 ? [] : indexes.map((index) => ({ index })), delete: surplus, waitMs }
}

const planPods = (input: JobInput, accounts: Accounts, active: readonly Pod[], terminating: number): Wanted => {
  const { job, pods, nowMs } = input
  const parallelism = job.spec?.parallelism ?? 1
  const succeeded = accounts.succeeded + accounts.uncountedSucceeded.length
  const completions = job.spec?.completions
  const open =
    completions === undefined || completions === null
      ? succeeded > 0
        ? active.length
        : parallelism
      : completions - succeeded - accounts.failedIndexes.size
  const wanted = Math.max(0, Math.min(parallelism, open))
  if (isIndexed(job)) return planIndexed(input, accounts, active, wanted)
  if (active.length > wanted) {
    const count = Math.min(active.length - wanted, maxPodsPerSync)
    return { create: [], delete: rankForDeletion(active, () => 0, nowMs).slice(0, count), waitMs: 0 }
  }
  const leaving = replacesOnlyFailed(job) ? terminating : 0
  const count = Math.min(wanted - active.length - leaving, maxPodsPerSync)
  if (count <= 0) return { create: [], delete: [], waitMs: 0 }
  const waitMs = backoffMs(pods, nowMs)
  return { create: waitMs > 0 ? [] : Array.from({ length: count }, () => ({})), delete: [], waitMs }
}

const endEvent = ({ type, reason, message }: Outcome): JobEvent =>
  type === 'Failed'
    ? { type: 'Warning', reason, message }
    : { type: 'Normal', reason: 'Completed', message: 'Job completed' }

/** The next steps of a Job that is not finished. */
export const planJob = (input: JobInput): JobPlan => {
  const { job, pods, nowMs } = input
  const accounts = account(input)
  const active = pods.filter((pod) => !isTerminal(pod) && !isDeleting(pod))
  const terminating = pods.filter((pod) => !isTerminal(pod) && isDeleting(pod)).length
  const events: JobEvent[] = []
  const suspended = job.spec?.suspend === true
  let conditions: JobCondition[] = [...(job.status?.conditions ?? [])]
  let startTime = job.status?.startTime
  const condition = (type: string, status: string, reason: string, message: string): void => {
    conditions = withCondition(conditions, { type, status, reason, message }, nowMs)
  }

  const outcome = isDeleting(job) ? undefined : outcomeOf(job, pods, accounts, active.length, nowMs)
  let wanted: Wanted = { create: [], delete: [], waitMs: 0 }
  if (outcome !== undefined) {
    condition(
      outcome.type === 'Failed' ? 'FailureTarget' : 'SuccessCriteriaMet',
      'True',
      outcome.reason,
      outcome.message,
    )
    wanted = { create: [], delete: active, waitMs: 0 }
  } else if (isDeleting(job)) {
    wanted = { create: [], delete: [], waitMs: 0 }
  } else if (suspended) {
    wanted = { create: [], delete: active, waitMs: 0 }
    if (findCondition(conditions, 'Suspended')?.status !== 'True') {
      condition('Suspended', 'True', 'JobSuspended', 'Job suspended')
      events.push({ type: 'Normal', reason: 'Suspended', message: 'Job suspended' })
    }
    startTime = undefined
  } else {
    if (findCondition(conditions, 'Suspended')?.status === 'True') {
      condition('Suspended', 'False', 'JobResumed', 'Job resumed')
      events.push({ type: 'Normal', reason: 'Resumed', message: 'Job resumed' })
      startTime = nowRfc3339(nowMs)
    }
    startTime ??= nowRfc3339(nowMs)
    wanted = planPods(input, accounts, active, terminating)
  }

  const settled =
    outcome !== undefined &&
    active.length === 0 &&
    terminating === 0 &&
    accounts.uncountedSucceeded.length === 0 &&
    accounts.uncountedFailed.length === 0
  if (settled) {
    condition(outcome.type, 'True', outcome.reason, outcome.message)
    events.push(endEvent(outcome))
  }

  const leaving = new Set(wanted.delete.map(uidOf))
  const staying = active.filter((pod) => !leaving.has(uidOf(pod)))
  const remaining = outcome === undefined ? deadlineRemainingMs(job, startTime, nowMs) : undefined
  const waits = [wanted.waitMs, remaining ?? 0].filter((ms) => ms > 0)
  const completedNow = settled && outcome.type === 'Complete' ? nowRfc3339(nowMs) : undefined
  const completionTime = job.status?.completionTime ?? completedNow
  const status: JobStatus = {
    ...job.status,
    active: staying.length,
    ready: staying.filter(isPodReady).length,
    terminating: terminating + leaving.size,
    succeeded: accounts.succeeded,
    failed: accounts.failed,
    uncountedTerminatedPods: {
      ...(accounts.uncountedSucceeded.length > 0 && { succeeded: [...accounts.uncountedSucceeded] }),
      ...(accounts.uncountedFailed.length > 0 && { failed: [...accounts.uncountedFailed] }),
    },
    ...(isIndexed(job) && accounts.completedIndexes.size > 0
      ? { completedIndexes: formatIndexes(accounts.completedIndexes) }
      : {}),
    ...(job.spec?.backoffLimitPerIndex !== undefined && job.spec.backoffLimitPerIndex !== null
      ? { failedIndexes: formatIndexes(accounts.failedIndexes) }
      : {}),
    ...(conditions.length > 0 ? { conditions } : {}),
    startTime,
    ...(completionTime === undefined ? {} : { completionTime }),
  }
  return {
    create: wanted.create,
    delete: wanted.delete,
    release: accounts.release,
    status,
    events,
    requeueAfterMs: waits.length === 0 ? undefined : Math.min(...waits),
  }
}
