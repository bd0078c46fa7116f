import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { CronJob, Job } from '../types.ts'
import { cronJobKind } from './cron-job.ts'
import { parseCronSchedule } from './cron-schedule.ts'
import { jobKind } from './job.ts'

const containers = [{ name: 'c', image: 'busybox:1' }]

describe('a Job', () => {
  const created = (): Job => {
    const job: Job = {
      metadata: { name: 'pi', namespace: 'default', uid: 'u-1' },
      spec: { template: { metadata: { labels: { app: 'pi' } }, spec: { containers, restartPolicy: 'Never' } } },
    }
    jobKind.setDefaults?.(job)
    jobKind.prepareForCreate?.(job)
    return job
  }

  it('selects its Pods by its own uid', () => {
    const { spec } = created()
    assert.deepEqual(spec?.selector, { matchLabels: { 'batch.kubernetes.io/controller-uid': 'u-1' } })
    assert.deepEqual(spec?.template.metadata?.labels, {
      app: 'pi',
      'batch.kubernetes.io/controller-uid': 'u-1',
      'batch.kubernetes.io/job-name': 'pi',
      'controller-uid': 'u-1',
      'job-name': 'pi',
    })
  })

  it('has defaults and is valid', () => {
    const job = created()
    const { completions, parallelism, backoffLimit, completionMode, suspend, podReplacementPolicy, manualSelector } =
      job.spec ?? {}
    assert.deepEqual(
      { completions, parallelism, backoffLimit, completionMode, suspend, podReplacementPolicy, manualSelector },
      {
        completions: 1,
        parallelism: 1,
        backoffLimit: 6,
        completionMode: 'NonIndexed',
        suspend: false,
        podReplacementPolicy: 'TerminatingOrFailed',
        manualSelector: false,
      },
    )
    assert.deepEqual(job.metadata?.labels, { app: 'pi' })
    assert.deepEqual(jobKind.validate?.(job), [])
  })

  it('keeps its template', () => {
    const job = created()
    const next = structuredClone(job)
    if (next.spec !== undefined) next.spec.template.spec = { containers: [{ name: 'c', image: 'other:2' }] }
    assert.deepEqual(
      jobKind.validateUpdate?.(next, job).map(({ field }) => field),
      ['spec.template'],
    )
  })
})

describe('a CronJob', () => {
  const errors = (schedule: string): string[] => {
    const cronJob: CronJob = {
      metadata: { name: 'tick', namespace: 'default' },
      spec: { schedule, jobTemplate: { spec: { template: { spec: { containers, restartPolicy: 'OnFailure' } } } } },
    }
    cronJobKind.setDefaults?.(cronJob)
    return (cronJobKind.validate?.(cronJob) ?? []).map(({ field, detail }) => `${field}: ${detail}`)
  }
  it('takes a schedule', () => assert.deepEqual(errors('*/5 0-6 * jan,FEB mon-fri'), []))
  it('takes a descriptor', () => assert.deepEqual(errors('@hourly'), []))
  it('refuses what is none', () => {
    assert.deepEqual(errors('61 * * * *'), [
      'spec.schedule: Invalid value: "61 * * * *": end of range (61) above maximum (59): 61',
    ])
    assert.deepEqual(errors('* * *'), [
      'spec.schedule: Invalid value: "* * *": expected exactly 5 fields, found 3: [* * *]',
    ])
  })
})

describe('parseCronSchedule', () => {
  it('expands ranges and steps', () => {
    const { minutes, hours, daysOfWeek, anyDayOfMonth, anyDayOfWeek } = parseCronSchedule('10-20/5,0 */12 * * sun')
    assert.deepEqual(
      { minutes, hours, daysOfWeek, anyDayOfMonth, anyDayOfWeek },
      {
        minutes: [0, 10, 15, 20],
        hours: [0, 12],
        daysOfWeek: [0],
        anyDayOfMonth: true,
        anyDayOfWeek: false,
      },
    )
  })
  it('takes intervals', () => assert.equal(parseCronSchedule('@every 1h30m').everyMs, 5_400_000))
})
