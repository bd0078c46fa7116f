import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Pod } from '../../api/types.ts'
import { aPod, testNowMs } from '../testing/builders.ts'
import {
  type Calculation,
  type PodMetrics,
  replicasByAverage,
  replicasByShare,
  replicasByUtilization,
  replicasByValue,
} from './replicas.ts'

const options: Calculation = {
  tolerances: { up: 0.1, down: 0.1 },
  cpuInitializationMs: 300_000,
  initialReadinessDelayMs: 30_000,
  nowMs: testNowMs,
}
const time = (ms: number): string => new Date(ms).toISOString()

interface Options {
  readonly phase?: string
  readonly ready?: boolean
  readonly startedAgoMs?: number
  readonly readyAgoMs?: number
  readonly deleting?: boolean
  readonly request?: string
}

const pod = (name: string, given: Options = {}): Pod => {
  const { phase = 'Running', ready = true, startedAgoMs = 3_600_000, readyAgoMs = 3_500_000, deleting = false } = given
  const base = aPod(name, { deleting })
  return {
    ...base,
    spec: { containers: [{ name: 'c', resources: { requests: { cpu: given.request ?? '100m' } } }] },
    status: {
      phase,
      startTime: time(testNowMs - startedAgoMs),
      conditions: [
        { type: 'Ready', status: ready ? 'True' : 'False', lastTransitionTime: time(testNowMs - readyAgoMs) },
      ],
    },
  }
}
const measured = (values: Readonly<Record<string, number>>, atMs = testNowMs): PodMetrics =>
  new Map(Object.entries(values).map(([name, milli]) => [name, { milli, atMs, windowMs: 30_000 }]))

const byCpu = (current: number, pods: readonly Pod[], metrics: PodMetrics, target = 50) =>
  replicasByUtilization(current, target, 'cpu', undefined, pods, metrics, options)

describe('replicas by utilization', () => {
  const three = [pod('a'), pod('b'), pod('c')]

  it('grow with use', () => {
    const proposal = byCpu(3, three, measured({ a: 100, b: 100, c: 100 }))
    assert.deepEqual(proposal, { ratio: 2, replicas: 6, utilization: 100, averageMilli: 100 })
  })

  it('shrink with use', () => assert.equal(byCpu(3, three, measured({ a: 10, b: 10, c: 20 })).replicas, 1))

  it('stay within the tolerance', () => assert.equal(byCpu(3, three, measured({ a: 54, b: 54, c: 54 })).replicas, 3))

  it('take silent Pods for idle ones when more are wanted', () => {
    // 150 % of the target by two; with the third at nothing it is the target.
    assert.equal(byCpu(3, three, measured({ a: 75, b: 75 })).replicas, 3)
    assert.equal(byCpu(3, three, measured({ a: 150, b: 150 })).replicas, 6)
  })

  it('take silent Pods for busy ones when fewer are wanted', () => {
    assert.equal(byCpu(3, three, measured({ a: 10, b: 10 })).replicas, 3)
    assert.equal(byCpu(3, three, measured({ a: 0, b: 1 }), 90).replicas, 2)
  })

  it('do not count Pods that fail or go', () => {
    const pods = [pod('a'), pod('b', { phase: 'Failed' }), pod('c', { deleting: true })]
    assert.equal(byCpu(1, pods, measured({ a: 100, b: 0, c: 0 })).replicas, 2)
  })

  it('take Pods that start for idle ones', () => {
    const young = pod('c', { ready: false, startedAgoMs: 60_000, readyAgoMs: 60_000 })
    assert.equal(byCpu(3, [pod('a'), pod('b'), young], measured({ a: 100, b: 100, c: 500 })).replicas, 4)
    const pending = pod('c', { phase: 'Pending' })
    assert.equal(byCpu(3, [pod('a'), pod('b'), pending], measured({ a: 100, b: 100 })).replicas, 4)
  })

  it('count a young Pod that is ready, once a whole window was measured since', () => {
    const young = pod('b', { startedAgoMs: 100_000, readyAgoMs: 40_000 })
    assert.equal(byCpu(2, [pod('a'), young], measured({ a: 100, b: 100 })).replicas, 4)
    const younger = pod('b', { startedAgoMs: 100_000, readyAgoMs: 20_000 })
    assert.equal(byCpu(2, [pod('a'), younger], measured({ a: 100, b: 100 })).replicas, 2)
  })

  it('count a Pod that was ready once', () => {
    const flapping = pod('b', { ready: false, startedAgoMs: 3_600_000, readyAgoMs: 60_000 })
    assert.equal(byCpu(2, [pod('a'), flapping], measured({ a: 100, b: 100 })).replicas, 4)
    const never = pod('b', { ready: false, startedAgoMs: 3_600_000, readyAgoMs: 3_590_000 })
    assert.equal(byCpu(2, [pod('a'), never], measured({ a: 100, b: 100 })).replicas, 2)
  })

  it('cannot be told without requests, Pods or metrics', () => {
    const bare: Pod = { ...pod('a'), spec: { containers: [{ name: 'c' }] } }
    assert.throws(() => byCpu(1, [bare], measured({ a: 1 })), /missing request for cpu in container c of Pod a/)
    assert.throws(() => byCpu(1, [], measured({})), /no pods returned by selector/)
    assert.throws(() => byCpu(1, [pod('a')], measured({})), /did not receive metrics for targeted pods/)
    assert.throws(() => byCpu(1, [pod('a')], measured({ gone: 1 })), /no metrics returned matched known pods/)
  })
})

describe('replicas by other values', () => {
  const two = [pod('a'), pod('b')]

  it('follow the average of the Pods', () => {
    const proposal = replicasByAverage(2, 10_000, '', two, measured({ a: 20_000, b: 30_000 }), options)
    assert.deepEqual([proposal.replicas, proposal.averageMilli], [5, 25_000])
  })

  it('follow one value, by the Pods that are ready', () => {
    assert.equal(replicasByValue(2, 30_000, 10_000, two, options), 6)
    assert.equal(replicasByValue(2, 10_500, 10_000, two, options), 2)
    assert.equal(replicasByValue(0, 25_000, 10_000, [], options), 3)
    assert.equal(replicasByValue(2, 30_000, 10_000, [pod('a'), pod('b', { ready: false })], options), 3)
  })

  it('share one value', () => {
    assert.deepEqual(replicasByShare(2, 50_000, 10_000, options), { replicas: 5, averageMilli: 25_000 })
    assert.deepEqual(replicasByShare(2, 20_500, 10_000, options), { replicas: 2, averageMilli: 10_250 })
  })
})
