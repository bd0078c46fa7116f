/** Starts Jobs on a schedule. Upstream: pkg/controller/cronjob. */
import { type CronSchedule, parseCronSchedule } from '../../api/batch/cron-schedule.ts'
import { isReason } from '../../api/meta/status-error.ts'
import { cronJobs, jobs } from '../../api/resources.ts'
import type { CronJob, Job } from '../../api/types.ts'
import { nowRfc3339 } from '../../api/meta/time.ts'
import type { Controller } from '../context.ts'
import { isNamespaceTerminating, messageOf } from '../errors.ts'
import { controllerIndexers, ownedBy } from '../indexes.ts'
import { nameOf, namespaceOf, uidOf } from '../objects.ts'
import { sameStatus } from '../semantic-equal.ts'
import { all } from '../slow-start.ts'
import { enqueueSelf, onAnyChange, ownerKey, queueOf, workersOf } from '../wiring.ts'
import { buildJob, type CronPlan, type CronJobStatus, planCronJob, referenceOf } from './plan.ts'

/** Without spec.timeZone the process's own zone counts, as upstream's does. */
const localZone = Intl.DateTimeFormat().resolvedOptions().timeZone

/** The schedule and its zone: `TZ=` and `CRON_TZ=` before the fields are refused by validation. */
const scheduleOf = (cronJob: CronJob): { schedule: CronSchedule; zone: string } => ({
  schedule: parseCronSchedule(cronJob.spec?.schedule ?? ''),
  zone: cronJob.spec?.timeZone ?? localZone,
})

export const cronJobController: Controller = {
  name: 'cronjob-controller',
  serviceAccount: 'cronjob-controller',
  setup: (context) => {
    const { client, informers, clock, events, config } = context
    const queue = queueOf(context)
    const cronJobCache = informers.for(cronJobs)
    const jobCache = informers.for(jobs, { indexers: controllerIndexers })
    onAnyChange(cronJobCache, enqueueSelf(queue))
    onAnyChange(jobCache, (job) => {
      const key = ownerKey(job, 'CronJob')
      if (key !== undefined) queue.add(key)
    })

    const deleteJob = async (cronJob: CronJob, job: Job): Promise<void> => {
      try {
        await client.delete(jobs, nameOf(job), namespaceOf(job), {
          propagationPolicy: 'Background',
          preconditions: { uid: uidOf(job) },
        })
        events.event(cronJob, 'Normal', 'SuccessfulDelete', `Deleted job ${nameOf(job)}`)
      } catch (error) {
        if (isReason(error, 'NotFound', 'Conflict')) return
        events.event(cronJob, 'Warning', 'FailedDelete', `Deleted job: ${messageOf(error)}`)
        throw error
      }
    }

    /** Starts the due Job; gives the status with it, or undefined where the namespace takes nothing new. */
    const start = async (
      cronJob: CronJob,
      status: CronJobStatus,
      scheduledMs: number,
    ): Promise<CronJobStatus | undefined> => {
      const wanted = buildJob(cronJob, scheduledMs)
      let job: Job
      try {
        job = await client.create(jobs, wanted)
        events.event(cronJob, 'Normal', 'SuccessfulCreate', `Created job ${nameOf(job)}`)
      } catch (error) {
        if (isNamespaceTerminating(error)) return undefined
        if (!isReason(error, 'AlreadyExists')) {
          events.event(cronJob, 'Warning', 'FailedCreate', `Error creating job: ${messageOf(error)}`)
          throw error
        }
        job = await client.get(jobs, nameOf(wanted), namespaceOf(wanted))
        const ours = job.metadata?.ownerReferences?.some(({ uid }) => uid === uidOf(cronJob)) === true
        if (!ours) throw error
      }
      const active = [...(status.active ?? []).filter(({ uid }) => uid !== uidOf(job)), referenceOf(job)]
      return { ...status, active, lastScheduleTime: nowRfc3339(scheduledMs) }
    }

    const decide = async (cronJob: CronJob, plan: CronPlan): Promise<CronJobStatus> => {
      const { decision, status } = plan
      switch (decision.type) {
        case 'wait':
          return status
        case 'skip':
          events.event(
            cronJob,
            decision.reason === 'MissSchedule' ? 'Warning' : 'Normal',
            decision.reason,
            decision.message,
          )
          return status
        case 'replace': {
          await all(decision.jobs, (job) => deleteJob(cronJob, job))
          const gone = new Set(decision.jobs.map(uidOf))
          const active = (status.active ?? []).filter(({ uid }) => !gone.has(uid ?? ''))
          return (await start(cronJob, { ...status, active }, decision.scheduledMs)) ?? status
        }
        case 'start':
          return (await start(cronJob, status, decision.scheduledMs)) ?? status
      }
    }

    const reconcile = async (key: string): Promise<{ requeueAfterMs: number } | undefined> => {
      const cronJob = cronJobCache.lister.get(key)
      if (cronJob === undefined) return undefined
      let timing: ReturnType<typeof scheduleOf>
      try {
        timing = scheduleOf(cronJob)
      } catch (error) {
        const schedule = cronJob.spec?.schedule ?? ''
        events.event(
          cronJob,
          'Warning',
          'UnparseableSchedule',
          `unparseable schedule: "${schedule}" : ${messageOf(error)}`,
        )
        return undefined
      }
      const plan = planCronJob({
        cronJob,
        jobs: ownedBy(jobCache.lister, uidOf(cronJob)),
        ...timing,
        nowMs: clock.now(),
      })
      for (const { job, condition } of plan.finished) {
        events.event(cronJob, 'Normal', 'SawCompletedJob', `Saw completed job: ${nameOf(job)}, condition: ${condition}`)
      }
      if (plan.tooManyMissed) {
        const hint = 'too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew'
        events.event(cronJob, 'Warning', 'TooManyMissedTimes', hint)
      }
      await all(plan.cleanup, (job) => deleteJob(cronJob, job))
      const status = await decide(cronJob, plan)
      if (!sameStatus(cronJob.status, status)) {
        await client.update(cronJobs, { ...cronJob, status }, { subresource: 'status' })
      }
      return plan.requeueAfterMs === undefined ? undefined : { requeueAfterMs: plan.requeueAfterMs }
    }
    return workersOf(context, {
      name: 'cronjob-controller',
      queue,
      concurrency: config['concurrent-cron-job-syncs'],
      reconcile,
    })
  },
}
