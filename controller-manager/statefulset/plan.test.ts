import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Pod, StatefulSet } from '../../api/types.ts'
import { aPod, testNowMs } from '../testing/builders.ts'
import { planStatefulSet, type StatefulPlan } from './plan.ts'

const aSet = (replicas: number, spec: object = {}, status: object = {}): StatefulSet => ({
  metadata: { name: 's', namespace: 'default', uid: 's' },
  spec: { serviceName: 's', replicas, selector: {}, template: {}, updateStrategy: { type: 'RollingUpdate' }, ...spec },
  status: { replicas: 0, ...status },
})
const pod = (ordinal: number, revision = 'new', options: Parameters<typeof aPod>[1] = {}): Pod =>
  aPod(`s-${ordinal}`, { ...options, metadata: { labels: { 'controller-revision-hash': revision } } })
const plan = (set: StatefulSet, pods: Pod[], currentRevision = 'new'): StatefulPlan =>
  planStatefulSet({ set, pods, currentRevision, updateRevision: 'new', nowMs: testNowMs })
const names = (pods: readonly Pod[]): (string | undefined)[] => pods.map(({ metadata }) => metadata?.name)
const ordinals = ({ create }: StatefulPlan): number[] => create.map(({ ordinal }) => ordinal)

describe('planStatefulSet', () => {
  it('makes one Pod at a time, and waits for it', () => {
    assert.deepEqual(ordinals(plan(aSet(3), [])), [0])
    assert.deepEqual(ordinals(plan(aSet(3), [pod(0, 'new', { ready: false })])), [])
    assert.deepEqual(ordinals(plan(aSet(3), [pod(0)])), [1])
  })

  it('makes all at once in parallel, from its first ordinal on', () => {
    assert.deepEqual(
      ordinals(plan(aSet(3, { podManagementPolicy: 'Parallel', ordinals: { start: 5 } }), [])),
      [5, 6, 7],
    )
  })

  it('takes the highest ordinal first, and none while a lower Pod is not healthy', () => {
    assert.deepEqual(names(plan(aSet(1), [pod(0), pod(1), pod(2)]).delete), ['s-2'])
    assert.deepEqual(names(plan(aSet(1), [pod(0, 'new', { ready: false }), pod(1), pod(2)]).delete), [])
    assert.deepEqual(names(plan(aSet(1), [pod(0), pod(1), pod(2, 'new', { deleting: true })]).delete), [])
  })

  it('updates from the highest ordinal down to the partition, one by one', () => {
    const old = [pod(0, 'old'), pod(1, 'old'), pod(2, 'old')]
    const set = aSet(3, { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 2 } } })
    assert.deepEqual(names(plan(set, old, 'old').delete), ['s-2'])
    assert.deepEqual(names(plan(set, [pod(0, 'old'), pod(1, 'old'), pod(2)], 'old').delete), [])
    assert.deepEqual(names(plan(aSet(3), [pod(0, 'old'), pod(1, 'old'), pod(2)], 'old').delete), ['s-1'])
  })

  it('makes Pods below the partition again in the old revision', () => {
    const set = aSet(3, { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 2 } } })
    assert.deepEqual(plan(set, [pod(1, 'old'), pod(2)], 'old').create, [{ ordinal: 0, revision: 'old' }])
  })

  it('replaces failed Pods', () => {
    assert.deepEqual(names(plan(aSet(1), [pod(0, 'new', { phase: 'Failed' })]).replace), ['s-0'])
  })

  it('updates nothing by itself OnDelete', () => {
    const set = aSet(2, { updateStrategy: { type: 'OnDelete' } })
    assert.deepEqual(plan(set, [pod(0, 'old'), pod(1, 'old')], 'old').delete, [])
  })
})
