import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Job, Pod } from '../../api/types.ts'
import { aPod, testNowMs } from '../testing/builders.ts'
import { completionIndexAnnotation } from './indexes.ts'
import { type JobPlan, planJob } from './plan.ts'
import { indexFailureCountAnnotation, indexIgnoredFailureCountAnnotation, trackingFinalizer } from './pod.ts'

type JobSpec = NonNullable<Job['spec']>

const aJob = (spec: Partial<JobSpec>, status: Job['status'] = {}): Job => ({
  metadata: { name: 'j', namespace: 'default', uid: 'job', generation: 1 },
  spec: { template: { spec: { containers: [], restartPolicy: 'Never' } }, parallelism: 2, completions: 3, ...spec },
  status: { startTime: '2025-12-31T23:59:00Z', ...status },
})
const indexed = (spec: Partial<JobSpec>, status?: Job['status']): Job =>
  aJob({ completionMode: 'Indexed', backoffLimit: 100, ...spec }, status)

interface FailedOptions {
  readonly exitCode?: number
  readonly condition?: string
  readonly failures?: number
  readonly ignored?: number
  /** Milliseconds ago; long enough for any back-off. */
  readonly agoMs?: number
}
const metadata = (index: number, annotations: Readonly<Record<string, string>> = {}) => ({
  finalizers: [trackingFinalizer],
  annotations: { [completionIndexAnnotation]: String(index), ...annotations },
})
const failed = (name: string, index: number, options: FailedOptions = {}): Pod => {
  const { exitCode = 1, condition, failures = 0, ignored = 0, agoMs = 3_600_000 } = options
  const counts = {
    [indexFailureCountAnnotation]: String(failures),
    [indexIgnoredFailureCountAnnotation]: String(ignored),
  }
  const base = aPod(name, { phase: 'Failed', ready: false, metadata: metadata(index, counts) })
  const finishedAt = new Date(testNowMs - agoMs).toISOString()
  const state = { terminated: { exitCode, finishedAt } }
  const conditions = condition === undefined ? [] : [{ type: condition, status: 'True' }]
  const containerStatuses = [{ name: 'c', image: '', imageID: '', ready: false, restartCount: 0, state }]
  return { ...base, status: { ...base.status, conditions, containerStatuses } as unknown as NonNullable<Pod['status']> }
}
const running = (name: string, index: number): Pod => aPod(name, { metadata: metadata(index) })

const plan = (job: Job, pods: Pod[]): JobPlan => planJob({ job, pods, released: new Set(), nowMs: testNowMs })
const reasons = ({ status }: JobPlan): string[] =>
  (status.conditions ?? []).map(({ type, reason }) => `${type} ${reason}`)
const made = ({ create }: JobPlan): (number | undefined)[] => create.map(({ index }) => index)

const rule = (action: string, more: object): NonNullable<JobSpec['podFailurePolicy']>['rules'][number] => ({
  action,
  ...more,
})
const onExit = (...values: number[]) => ({ onExitCodes: { operator: 'In', values } })
const onDisruption = { onPodConditions: [{ type: 'DisruptionTarget', status: 'True' }] }

describe('podFailurePolicy', () => {
  it('fails the Job at once, and says by which rule', () => {
    const result = plan(indexed({ podFailurePolicy: { rules: [rule('FailJob', onExit(42))] } }), [
      failed('a', 0, { exitCode: 42 }),
      running('b', 1),
    ])
    assert.deepEqual(reasons(result), ['FailureTarget PodFailurePolicy'])
    assert.equal(
      result.status.conditions?.[0]?.message,
      'Container c for pod default/a failed with exit code 42 matching FailJob rule at index 0',
    )
    assert.deepEqual(
      result.delete.map((pod) => pod.metadata?.name),
      ['b'],
    )
  })

  it('counts nothing of what it ignores', () => {
    const result = plan(indexed({ backoffLimit: 0, podFailurePolicy: { rules: [rule('Ignore', onDisruption)] } }), [
      failed('a', 0, { condition: 'DisruptionTarget' }),
    ])
    assert.deepEqual(reasons(result), [])
    assert.deepEqual(result.status.uncountedTerminatedPods, {})
    assert.equal(result.release.length, 1)
  })

  it('goes by the first rule that matches, and counts where none does', () => {
    const rules = [rule('Count', onExit(1)), rule('FailJob', { onExitCodes: { operator: 'NotIn', values: [1] } })]
    assert.deepEqual(reasons(plan(indexed({ podFailurePolicy: { rules } }), [failed('a', 0)])), [])
    assert.deepEqual(reasons(plan(indexed({ podFailurePolicy: { rules } }), [failed('a', 0, { exitCode: 2 })])), [
      'FailureTarget PodFailurePolicy',
    ])
  })

  it('gives up one index', () => {
    const rules = [rule('FailIndex', onExit(7))]
    const result = plan(indexed({ backoffLimitPerIndex: 5, podFailurePolicy: { rules } }), [
      failed('a', 1, { exitCode: 7 }),
    ])
    assert.equal(result.status.failedIndexes, '1')
    assert.deepEqual(made(result), [0, 2])
  })
})

describe('backoffLimitPerIndex', () => {
  it('tries an index again with what it has failed so far', () => {
    const result = plan(indexed({ completions: 1, backoffLimitPerIndex: 3 }), [failed('a', 0, { failures: 1 })])
    assert.deepEqual(result.create, [{ index: 0, failures: { counted: 2, ignored: 0 } }])
  })

  it('counts what a rule ignores apart: it costs time, and no try', () => {
    const spec = {
      completions: 1,
      backoffLimitPerIndex: 1,
      podFailurePolicy: { rules: [rule('Ignore', onDisruption)] },
    }
    const pods = [failed('a', 0, { failures: 1, condition: 'DisruptionTarget', agoMs: 15_000 })]
    // The second failure in all: twenty seconds.
    const soon = plan(indexed(spec), pods)
    assert.deepEqual([soon.create.length, soon.requeueAfterMs], [0, 5_000])
    const later = plan(indexed(spec), [failed('a', 0, { failures: 1, condition: 'DisruptionTarget' })])
    assert.deepEqual(later.create, [{ index: 0, failures: { counted: 1, ignored: 1 } }])
    assert.equal(later.status.failedIndexes, '')
  })

  it('gives an index up beyond its limit, and the Job when all have ended', () => {
    const result = plan(indexed({ backoffLimitPerIndex: 1 }), [failed('a', 1, { failures: 1 })])
    assert.equal(result.status.failedIndexes, '1')
    const end = plan(indexed({ backoffLimitPerIndex: 1 }, { completedIndexes: '0,2' }), [
      failed('a', 1, { failures: 1 }),
    ])
    assert.deepEqual(reasons(end), ['FailureTarget FailedIndexes'])
  })

  it('ends the Job with more failed indexes than it may have', () => {
    const result = plan(indexed({ backoffLimitPerIndex: 0, maxFailedIndexes: 1 }, { failedIndexes: '0' }), [
      failed('a', 1),
    ])
    assert.deepEqual(reasons(result), ['FailureTarget MaxFailedIndexesExceeded'])
  })
})

describe('successPolicy', () => {
  const cases: readonly (readonly [NonNullable<JobSpec['successPolicy']>['rules'], string, boolean])[] = [
    [[{ succeededIndexes: '0' }], '0', true],
    [[{ succeededIndexes: '0-1' }], '0', false],
    [[{ succeededIndexes: '0-2', succeededCount: 1 }], '2', true],
    [[{ succeededCount: 2 }], '0', false],
    [[{ succeededIndexes: '0' }, { succeededCount: 1 }], '2', true],
  ]
  for (const [rules, completedIndexes, isMet] of cases) {
    it(`${JSON.stringify(rules)} is ${isMet ? '' : 'not '}met by ${completedIndexes}`, () => {
      const result = plan(indexed({ successPolicy: { rules } }, { completedIndexes }), [running('b', 1)])
      assert.deepEqual(reasons(result), isMet ? ['SuccessCriteriaMet SuccessPolicy'] : [])
      assert.equal(result.delete.length, isMet ? 1 : 0)
    })
  }
})

describe('podReplacementPolicy', () => {
  const leaving = aPod('a', { deleting: true, metadata: metadata(0) })
  it('replaces a Pod that is on its way out at once, or only when it has ended', () => {
    const spec = { completions: 1, parallelism: 1 }
    const atOnce = plan(indexed({ ...spec, podReplacementPolicy: 'TerminatingOrFailed' }), [leaving])
    assert.deepEqual(made(atOnce), [0])
    assert.equal(atOnce.status.uncountedTerminatedPods?.failed?.length, 1)
    const waits = plan(indexed({ ...spec, podReplacementPolicy: 'Failed' }), [leaving])
    assert.equal(waits.create.length, 0)
    assert.deepEqual(waits.status.uncountedTerminatedPods, {})
    assert.equal(waits.status.terminating, 1)
  })
})
