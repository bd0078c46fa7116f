import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Pod } from '../../api/types.ts'
import { aPod, testNowMs } from '../testing/builders.ts'
import { planReplicas, planStatus } from './plan.ts'

const deleted = (wanted: number, pods: Pod[], related = pods): (string | undefined)[] => {
  const plan = planReplicas(wanted, pods, related, testNowMs)
  return plan.type === 'delete' ? plan.pods.map(({ metadata }) => metadata?.name) : []
}

describe('planReplicas', () => {
  it('makes what is missing, at most 500 at once', () => {
    assert.deepEqual(planReplicas(3, [aPod('a')], [], testNowMs), { type: 'create', count: 2 })
    assert.deepEqual(planReplicas(2000, [], [], testNowMs), { type: 'create', count: 500 })
  })

  it('takes unassigned, then pending, then unready Pods before those that serve', () => {
    const pods = [
      aPod('serving', { node: 'n' }),
      aPod('unready', { node: 'n', ready: false }),
      aPod('pending', { node: 'n', ready: false, phase: 'Pending' }),
      aPod('unassigned', { ready: false, phase: 'Pending' }),
    ]
    assert.deepEqual(deleted(1, pods), ['unassigned', 'pending', 'unready'])
  })

  it('obeys the deletion cost before it looks at anything else of ready Pods', () => {
    const cost = { annotations: { 'controller.kubernetes.io/pod-deletion-cost': '-5' } }
    assert.deepEqual(deleted(1, [aPod('a', { node: 'n' }), aPod('cheap', { node: 'm', metadata: cost })]), ['cheap'])
  })

  it('thins out the Node that has most of the Deployment', () => {
    const pods = [aPod('a', { node: 'one' }), aPod('b', { node: 'two' })]
    const related = [...pods, aPod('c', { node: 'two' })]
    assert.deepEqual(deleted(1, pods, related), ['b'])
  })
})

describe('planStatus', () => {
  const input = {
    old: undefined,
    generation: 2,
    template: { metadata: { labels: { app: 'web' } } },
    minReadySeconds: 0,
    active: [aPod('a', { metadata: { labels: { app: 'web' } } }), aPod('b', { ready: false })],
    terminating: 1,
    failure: undefined,
    nowMs: testNowMs,
  }

  it('counts', () => {
    const { conditions: _conditions, ...counts } = planStatus(input)
    assert.deepEqual(counts, {
      replicas: 2,
      fullyLabeledReplicas: 1,
      readyReplicas: 1,
      availableReplicas: 1,
      terminatingReplicas: 1,
      observedGeneration: 2,
    })
  })

  it('reports a failure once and takes it back', () => {
    const failure = { reason: 'FailedCreate', message: 'quota', error: undefined } as const
    const failed = planStatus({ ...input, failure })
    assert.equal(failed.conditions?.[0]?.message, 'quota')
    const again = planStatus({ ...input, old: failed, failure: { ...failure, message: 'other' } })
    assert.deepEqual(again.conditions, failed.conditions)
    assert.equal(planStatus({ ...input, old: failed }).conditions, undefined)
  })
})
