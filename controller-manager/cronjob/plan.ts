/** What a CronJob does next. Upstream: pkg/controller/cronjob. */
import type { CronSchedule } from '../../api/batch/cron-schedule.ts'
import { newControllerRef } from '../../api/meta/owners.ts'
import { nowRfc3339 } from '../../api/meta/time.ts'
import type { CronJob, Job } from '../../api/types.ts'
import { byCreation, createdMs, isDeleting, nameOf, namespaceOf, timeMs, uidOf } from '../objects.ts'
import { nextTime } from './schedule.ts'

export const cronJobType = { group: 'batch', version: 'v1', kind: 'CronJob' }
const scheduledAnnotation = 'batch.kubernetes.io/cronjob-scheduled-timestamp'
/** Beyond so many missed times something is wrong: upstream warns. */
const manyMissed = 100

export type CronJobStatus = NonNullable<CronJob['status']>
type Reference = NonNullable<CronJobStatus['active']>[number]

export type StartDecision =
  | { readonly type: 'wait' }
  | { readonly type: 'start'; readonly scheduledMs: number }
  /** Start, after these Jobs are deleted (concurrencyPolicy Replace). */
  | { readonly type: 'replace'; readonly scheduledMs: number; readonly jobs: readonly Job[] }
  | { readonly type: 'skip'; readonly reason: 'JobAlreadyActive' | 'MissSchedule'; readonly message: string }

export interface CronPlan {
  readonly decision: StartDecision
  /** Finished Jobs beyond the history limits. */
  readonly cleanup: readonly Job[]
  readonly status: CronJobStatus
  /** Jobs that finished since the last sync, with how they ended. */
  readonly finished: readonly { readonly job: Job; readonly condition: string }[]
  readonly tooManyMissed: boolean
  readonly requeueAfterMs: number | undefined
}

export interface CronInput {
  readonly cronJob: CronJob
  readonly jobs: readonly Job[]
  readonly schedule: CronSchedule
  readonly zone: string
  readonly nowMs: number
}

/** `Complete` or `Failed`, or undefined while the Job runs. */
export const finishOf = (job: Job): string | undefined =>
  (job.status?.conditions ?? []).find(
    ({ type, status }) => (type === 'Complete' || type === 'Failed') && status === 'True',
  )?.type

/** The Job's name is made of its time: a controller that starts again cannot start it twice. */
export const jobNameOf = (cronJob: CronJob, scheduledMs: number): string =>
  `${nameOf(cronJob)}-${Math.floor(scheduledMs / 60_000)}`

export const buildJob = (cronJob: CronJob, scheduledMs: number): Job => {
  const template = cronJob.spec?.jobTemplate
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name: jobNameOf(cronJob, scheduledMs),
      namespace: namespaceOf(cronJob),
      labels: { ...template?.metadata?.labels },
      annotations: { ...template?.metadata?.annotations, [scheduledAnnotation]: nowRfc3339(scheduledMs) },
      ownerReferences: [newControllerRef(cronJob, cronJobType)],
    },
    ...(template?.spec && { spec: template.spec }),
  }
}

export const referenceOf = (job: Job): Reference => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  namespace: namespaceOf(job),
  name: nameOf(job),
  uid: uidOf(job),
  resourceVersion: job.metadata?.resourceVersion ?? '',
})

/** The latest time that is due and how many were missed before it. */
const dueTime = (input: CronInput): { scheduledMs: number | undefined; missed: number } => {
  const { cronJob, schedule, zone, nowMs } = input
  let earliest = timeMs(cronJob.status?.lastScheduleTime) ?? createdMs(cronJob)
  const deadline = cronJob.spec?.startingDeadlineSeconds
  if (deadline !== undefined && deadline !== null) earliest = Math.max(earliest, nowMs - deadline * 1000)
  let scheduledMs: number | undefined
  let missed = -1
  for (
    let time = nextTime(schedule, earliest, zone);
    time !== undefined && time <= nowMs && missed <= manyMissed;
    time = nextTime(schedule, time, zone)
  ) {
    scheduledMs = time
    missed += 1
  }
  if (missed > manyMissed) {
    // Too many to walk: look back from now for the last one instead.
    for (
      let time = nextTime(schedule, nowMs - 25 * 3_600_000, zone);
      time !== undefined && time <= nowMs;
      time = nextTime(schedule, time, zone)
    ) {
      scheduledMs = time
    }
  }
  return { scheduledMs, missed }
}

const decide = (input: CronInput, active: readonly Job[], scheduledMs: number | undefined): StartDecision => {
  const { cronJob, jobs, nowMs } = input
  if (scheduledMs === undefined || cronJob.spec?.suspend === true || isDeleting(cronJob)) return { type: 'wait' }
  const deadline = cronJob.spec?.startingDeadlineSeconds
  if (deadline !== undefined && deadline !== null && scheduledMs + deadline * 1000 < nowMs) {
    const at = new Date(scheduledMs).toUTCString()
    return { type: 'skip', reason: 'MissSchedule', message: `Missed scheduled time to start a job: ${at}` }
  }
  const name = jobNameOf(cronJob, scheduledMs)
  const started = jobs.some((job) => nameOf(job) === name) || timeMs(cronJob.status?.lastScheduleTime) === scheduledMs
  if (started) return { type: 'wait' }
  if (cronJob.spec?.concurrencyPolicy === 'Forbid' && active.length > 0) {
    return {
      type: 'skip',
      reason: 'JobAlreadyActive',
      message: 'Not starting job because prior execution is running and concurrency policy is Forbid',
    }
  }
  if (cronJob.spec?.concurrencyPolicy === 'Replace' && active.length > 0) {
    return { type: 'replace', scheduledMs, jobs: active }
  }
  return { type: 'start', scheduledMs }
}

const surplus = (jobs: readonly Job[], condition: string, limit: number | undefined | null): Job[] => {
  if (limit === undefined || limit === null) return []
  const ended = jobs.filter((job) => finishOf(job) === condition && !isDeleting(job)).sort(byCreation)
  return ended.slice(0, Math.max(0, ended.length - limit))
}

/** Whether a Job is due, which old ones go, and what the status says. */
export const planCronJob = (input: CronInput): CronPlan => {
  const { cronJob, jobs, schedule, zone, nowMs } = input
  const active = jobs.filter((job) => finishOf(job) === undefined)
  const known = new Set((cronJob.status?.active ?? []).map(({ uid }) => uid))
  const finished = jobs.flatMap((job) => {
    const condition = finishOf(job)
    return condition !== undefined && known.has(uidOf(job)) ? [{ job, condition }] : []
  })
  const successes = jobs
    .filter((job) => finishOf(job) === 'Complete')
    .map((job) => timeMs(job.status?.completionTime) ?? 0)
  const lastSuccess = Math.max(timeMs(cronJob.status?.lastSuccessfulTime) ?? 0, 0, ...successes)
  const { scheduledMs, missed } = dueTime(input)
  const next = nextTime(schedule, nowMs, zone)
  return {
    decision: decide(input, active, scheduledMs),
    cleanup: [
      ...surplus(jobs, 'Complete', cronJob.spec?.successfulJobsHistoryLimit),
      ...surplus(jobs, 'Failed', cronJob.spec?.failedJobsHistoryLimit),
    ],
    status: {
      ...cronJob.status,
      ...(active.length > 0 ? { active: active.map(referenceOf) } : { active: undefined }),
      ...(lastSuccess > 0 ? { lastSuccessfulTime: nowRfc3339(lastSuccess) } : {}),
    },
    finished,
    tooManyMissed: missed > manyMissed,
    // A little late rather than a little early: early would find nothing due.
    requeueAfterMs: next === undefined || cronJob.spec?.suspend === true ? undefined : next - nowMs + 100,
  }
}
