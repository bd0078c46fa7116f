import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Job, Pod } from '../../api/types.ts'
import { aPod, testNowMs } from '../testing/builders.ts'
import { formatIndexes, parseIndexes } from './indexes.ts'
import { type JobPlan, planJob } from './plan.ts'
import { completionIndexAnnotation } from './indexes.ts'
import { trackingFinalizer } from './pod.ts'

const aJob = (spec: Partial<NonNullable<Job['spec']>>, status: Job['status'] = {}): Job => ({
  metadata: { name: 'j', namespace: 'default', uid: 'job', generation: 1 },
  spec: { template: { spec: { containers: [], restartPolicy: 'Never' } }, backoffLimit: 6, ...spec },
  status: { startTime: '2025-12-31T23:59:00Z', ...status },
})

const jobPod = (name: string, phase: string, index?: number): Pod =>
  aPod(name, {
    phase,
    ready: phase === 'Running',
    metadata: {
      finalizers: [trackingFinalizer],
      ...(index === undefined ? {} : { annotations: { [completionIndexAnnotation]: String(index) } }),
    },
  })

const plan = (job: Job, pods: Pod[], released: string[] = []): JobPlan =>
  planJob({ job, pods, released: new Set(released), nowMs: testNowMs })

const conditions = ({ status }: JobPlan): string[] => (status.conditions ?? []).map(({ type }) => type)

describe('planJob', () => {
  it('makes as many Pods as run in parallel, and no more than are left to complete', () => {
    assert.equal(plan(aJob({ parallelism: 3, completions: 5 }), []).create.length, 3)
    const one = plan(aJob({ parallelism: 3, completions: 5 }, { succeeded: 4 }), [])
    assert.equal(one.create.length, 1)
  })

  it('counts a success once: uid first, then the finalizer, then the number', () => {
    const pod = jobPod('a', 'Succeeded')
    const first = plan(aJob({ completions: 2 }), [pod])
    assert.deepEqual(first.status.uncountedTerminatedPods, { succeeded: ['uid-a'] })
    assert.equal(first.status.succeeded, 0)
    assert.deepEqual(first.release, [pod])
    const bare = { ...pod, metadata: { ...pod.metadata, finalizers: [] } }
    const second = plan(aJob({ completions: 2 }, first.status), [bare])
    assert.equal(second.status.succeeded, 1)
    assert.deepEqual(second.status.uncountedTerminatedPods, {})
    const third = plan(aJob({ completions: 2 }, second.status), [bare])
    assert.equal(third.status.succeeded, 1)
  })

  it('does not count again a Pod whose finalizer it removed and the cache still shows', () => {
    const result = plan(aJob({ completions: 2 }, { succeeded: 1 }), [jobPod('a', 'Succeeded')], ['uid-a'])
    assert.equal(result.status.succeeded, 1)
    assert.deepEqual(result.status.uncountedTerminatedPods, {})
  })

  it('completes after the last finalizer is gone, criteria first', () => {
    const first = plan(aJob({ completions: 1 }), [jobPod('a', 'Succeeded')])
    assert.deepEqual(conditions(first), ['SuccessCriteriaMet'])
    const second = plan(aJob({ completions: 1 }, first.status), [aPod('a', { phase: 'Succeeded' })])
    assert.deepEqual(conditions(second), ['SuccessCriteriaMet', 'Complete'])
    assert.equal(second.status.succeeded, 1)
    assert.deepEqual(
      second.events.map(({ reason }) => reason),
      ['Completed'],
    )
  })

  it('fails beyond the back-off limit and removes what still runs', () => {
    const running = jobPod('b', 'Running')
    const result = plan(aJob({ backoffLimit: 0, parallelism: 2, completions: 2 }), [jobPod('a', 'Failed'), running])
    assert.deepEqual(conditions(result), ['FailureTarget'])
    assert.deepEqual(result.delete, [running])
    assert.equal(result.status.conditions?.[0]?.reason, 'BackoffLimitExceeded')
  })

  it('waits before it replaces a failed Pod', () => {
    const failed = jobPod('a', 'Failed')
    failed.status = {
      ...failed.status,
      containerStatuses: [
        {
          name: 'c',
          image: '',
          imageID: '',
          ready: false,
          restartCount: 0,
          state: { terminated: { exitCode: 1, finishedAt: '2025-12-31T23:59:57Z' } },
        },
      ],
    }
    const result = plan(aJob({}), [failed])
    assert.equal(result.create.length, 0)
    assert.equal(result.requeueAfterMs, 7000)
  })

  it('removes all Pods and the start time while suspended', () => {
    const running = jobPod('a', 'Running')
    const result = plan(aJob({ suspend: true }), [running])
    assert.deepEqual(result.delete, [running])
    assert.equal(result.status.startTime, undefined)
    assert.deepEqual(
      result.events.map(({ reason }) => reason),
      ['Suspended'],
    )
  })

  it('gives each index one Pod and writes done ones as ranges', () => {
    const job = aJob({ completionMode: 'Indexed', completions: 5, parallelism: 3 }, { completedIndexes: '0-2' })
    const result = plan(job, [jobPod('d', 'Succeeded', 3)])
    assert.deepEqual(result.create, [{ index: 4 }])
    assert.equal(result.status.completedIndexes, '0-3')
    assert.equal(result.status.succeeded, 4)
  })

  it('ends when the deadline has passed', () => {
    const result = plan(aJob({ activeDeadlineSeconds: 30 }), [jobPod('a', 'Running')])
    assert.equal(result.status.conditions?.[0]?.reason, 'DeadlineExceeded')
  })

  it('keeps foreign conditions', () => {
    const foreign = { type: 'Mine', status: 'True' }
    assert.deepEqual(plan(aJob({}, { conditions: [foreign] }), []).status.conditions, [foreign])
  })
})

describe('indexes', () => {
  it('reads and writes the compressed form', () => {
    assert.equal(formatIndexes([5, 1, 3, 4, 7, 8]), '1,3-5,7,8')
    assert.deepEqual([...parseIndexes('1,3-5,9', 6)], [1, 3, 4, 5])
  })
})
