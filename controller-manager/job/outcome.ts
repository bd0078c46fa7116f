/** Whether a Job has come to its end, and why. Upstream: pkg/controller/job/job_controller.go. */
import { findCondition } from '../../api/meta/conditions.ts'
import type { Job, Pod } from '../../api/types.ts'
import { timeMs } from '../objects.ts'
import { type Accounts, isIndexed } from './accounting.ts'
import { successPolicyMet } from './success-policy.ts'

export interface Outcome {
  readonly type: 'Failed' | 'Complete'
  readonly reason: string
  readonly message: string
}

/** The end that an earlier sync has announced: Pods are being removed, the last condition is still to come. */
const announced = (job: Job): Outcome | undefined => {
  for (const [target, type] of [
    ['FailureTarget', 'Failed'],
    ['SuccessCriteriaMet', 'Complete'],
  ] as const) {
    const condition = findCondition(job.status?.conditions, target)
    if (condition?.status === 'True') return { type, reason: condition.reason ?? '', message: condition.message ?? '' }
  }
  return undefined
}

const restarts = (pod: Pod): number =>
  [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])].reduce(
    (sum, status) => sum + (status.restartCount ?? 0),
    0,
  )

const restartsExceeded = (job: Job, pods: readonly Pod[]): boolean => {
  if (job.spec?.template.spec?.restartPolicy !== 'OnFailure') return false
  const limit = job.spec.backoffLimit ?? 6
  const sum = pods
    .filter((pod) => pod.status?.phase === 'Running' || pod.status?.phase === 'Pending')
    .reduce((total, pod) => total + restarts(pod), 0)
  return limit === 0 ? sum > 0 : sum >= limit
}

/** Milliseconds that are left of activeDeadlineSeconds; undefined where no deadline runs. */
export const deadlineRemainingMs = (job: Job, startTime: string | undefined, nowMs: number): number | undefined => {
  const seconds = job.spec?.activeDeadlineSeconds
  const start = timeMs(startTime)
  if (seconds === undefined || seconds === null || start === undefined || job.spec?.suspend === true) return undefined
  return start + seconds * 1000 - nowMs
}

const failure = (job: Job, pods: readonly Pod[], accounts: Accounts, nowMs: number): Outcome | undefined => {
  const failed = (reason: string, message: string): Outcome => ({ type: 'Failed', reason, message })
  if (accounts.failJob !== undefined) return failed('PodFailurePolicy', accounts.failJob)
  const perIndex = job.spec?.backoffLimitPerIndex !== undefined && job.spec.backoffLimitPerIndex !== null
  const limit = job.spec?.backoffLimit ?? (perIndex ? 2_147_483_647 : 6)
  const failures = accounts.failed + accounts.uncountedFailed.length
  if (failures > limit || restartsExceeded(job, pods)) {
    return failed('BackoffLimitExceeded', 'Job has reached the specified backoff limit')
  }
  const remaining = deadlineRemainingMs(job, job.status?.startTime, nowMs)
  if (remaining !== undefined && remaining <= 0) {
    return failed('DeadlineExceeded', 'Job was active longer than specified deadline')
  }
  if (!perIndex) return undefined
  const maxFailed = job.spec?.maxFailedIndexes
  if (maxFailed !== undefined && maxFailed !== null && accounts.failedIndexes.size > maxFailed) {
    return failed('MaxFailedIndexesExceeded', 'Job has exceeded the specified maximal number of failed indexes')
  }
  const ended = accounts.failedIndexes.size + accounts.completedIndexes.size
  if (accounts.failedIndexes.size > 0 && ended >= (job.spec?.completions ?? 0)) {
    return failed('FailedIndexes', 'Job has failed indexes')
  }
  return undefined
}

/** The end of the Job, if this is it. */
export const outcomeOf = (
  job: Job,
  pods: readonly Pod[],
  accounts: Accounts,
  activeCount: number,
  nowMs: number,
): Outcome | undefined => {
  const before = announced(job)
  if (before !== undefined) return before
  const failed = failure(job, pods, accounts, nowMs)
  if (failed !== undefined) return failed
  const policy =
    isIndexed(job) && job.spec?.successPolicy ? successPolicyMet(job, accounts.completedIndexes) : undefined
  if (policy !== undefined) return { type: 'Complete', reason: 'SuccessPolicy', message: policy }
  const succeeded = accounts.succeeded + accounts.uncountedSucceeded.length
  const completions = job.spec?.completions
  const done =
    completions === undefined || completions === null
      ? succeeded > 0 && activeCount === 0
      : succeeded >= completions && activeCount === 0
  if (!done) return undefined
  return {
    type: 'Complete',
    reason: 'CompletionsReached',
    message: 'Reached expected number of succeeded pods',
  }
}
