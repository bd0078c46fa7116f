import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseCronSchedule as parseSchedule } from '../../api/batch/cron-schedule.ts'
import type { CronJob } from '../../api/types.ts'
import { planCronJob } from './plan.ts'
import { nextTime } from './schedule.ts'

const next = (schedule: string, after: string, zone = 'UTC'): string => {
  const time = nextTime(parseSchedule(schedule), Date.parse(after), zone)
  return time === undefined ? 'never' : new Date(time).toISOString().slice(0, 16)
}

describe('nextTime', () => {
  it('follows the table', () => {
    assert.equal(next('* * * * *', '2026-01-01T00:00:00Z'), '2026-01-01T00:01')
    assert.equal(next('*/15 * * * *', '2026-01-01T00:15:30Z'), '2026-01-01T00:30')
    assert.equal(next('0 4 * * *', '2026-01-01T04:00:00Z'), '2026-01-02T04:00')
    assert.equal(next('30 2 1 jan,jul *', '2026-02-01T00:00:00Z'), '2026-07-01T02:30')
    assert.equal(next('0 0 * * 0', '2026-01-01T00:00:00Z'), '2026-01-04T00:00')
    assert.equal(next('5/20 3 * * *', '2026-01-01T03:06:00Z'), '2026-01-01T03:25')
    assert.equal(next('@hourly', '2026-01-01T00:59:59Z'), '2026-01-01T01:00')
    assert.equal(next('0 0 29 2 *', '2026-01-01T00:00:00Z'), '2028-02-29T00:00')
    assert.equal(next('0 0 31 2 *', '2026-01-01T00:00:00Z'), 'never')
  })

  it('takes either day when day of month and day of week are both restricted', () => {
    assert.equal(next('0 0 13 * fri', '2026-01-01T12:00:00Z'), '2026-01-02T00:00')
    assert.equal(next('0 0 13 * fri', '2026-01-09T12:00:00Z'), '2026-01-13T00:00')
  })

  it('keeps the wall clock of its zone over a change of time', () => {
    assert.equal(next('0 12 * * *', '2026-03-28T12:00:00Z', 'Europe/Berlin'), '2026-03-29T10:00')
    assert.equal(next('0 9 * * *', '2026-06-01T00:00:00Z', 'Asia/Kolkata'), '2026-06-01T03:30')
  })
})

describe('planCronJob', () => {
  const cronJob = (spec: object = {}, status: CronJob['status'] = {}): CronJob => ({
    metadata: { name: 'c', namespace: 'd', uid: 'c', creationTimestamp: '2026-01-01T00:00:30Z' },
    spec: { schedule: '* * * * *', jobTemplate: {}, ...spec },
    status,
  })
  const plan = (of: CronJob, at: string, jobs = [] as Parameters<typeof planCronJob>[0]['jobs']) =>
    planCronJob({ cronJob: of, jobs, schedule: parseSchedule('* * * * *'), zone: 'UTC', nowMs: Date.parse(at) })
  const running = { metadata: { name: 'c-1', uid: 'j' } }

  it('starts what is due, once', () => {
    assert.equal(plan(cronJob(), '2026-01-01T00:00:50Z').decision.type, 'wait')
    assert.deepEqual(plan(cronJob(), '2026-01-01T00:01:01Z').decision, {
      type: 'start',
      scheduledMs: Date.parse('2026-01-01T00:01:00Z'),
    })
    const done = cronJob({}, { lastScheduleTime: '2026-01-01T00:01:00Z' })
    assert.equal(plan(done, '2026-01-01T00:01:02Z').decision.type, 'wait')
  })

  it('starts only the last of several that were missed', () => {
    const { decision } = plan(cronJob(), '2026-01-01T00:05:01Z')
    assert.deepEqual(decision, { type: 'start', scheduledMs: Date.parse('2026-01-01T00:05:00Z') })
  })

  it('finds the last time after an outage of weeks, and says that too many were missed', () => {
    const result = plan(cronJob(), '2026-02-01T00:00:10Z')
    assert.deepEqual(result.decision, { type: 'start', scheduledMs: Date.parse('2026-02-01T00:00:00Z') })
    assert.equal(result.tooManyMissed, true)
  })

  it('skips, replaces or adds to a running Job as its policy says', () => {
    const at = '2026-01-01T00:01:01Z'
    const of = (concurrencyPolicy: string) => plan(cronJob({ concurrencyPolicy }), at, [running]).decision.type
    assert.deepEqual([of('Allow'), of('Forbid'), of('Replace')], ['start', 'skip', 'replace'])
  })

  it('starts nothing while suspended', () => {
    assert.equal(plan(cronJob({ suspend: true }), '2026-01-01T00:01:01Z').decision.type, 'wait')
  })
})
