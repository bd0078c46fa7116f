import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Deployment, ReplicaSet } from '../../api/types.ts'
import { aDeployment, aReplicaSet, testNowMs } from '../testing/builders.ts'
import { type DeploymentPlan, planDeployment } from './plan.ts'
import { proportionalSizes } from './sizes.ts'

const plan = (deployment: Deployment, replicaSets: ReplicaSet[]): DeploymentPlan =>
  planDeployment({ deployment, replicaSets, pods: [], nowMs: testNowMs })

const sizes = ({ updates }: DeploymentPlan): Record<string, number | undefined> =>
  Object.fromEntries(updates.map(({ to }) => [to.metadata?.name, to.spec?.replicas]))

const annotated = (desired: number, max: number, revision = '1'): Record<string, string> => ({
  'deployment.kubernetes.io/desired-replicas': String(desired),
  'deployment.kubernetes.io/max-replicas': String(max),
  'deployment.kubernetes.io/revision': revision,
})

describe('planDeployment', () => {
  it('creates the first ReplicaSet at full size, as revision 1', () => {
    const result = plan(aDeployment(3), [])
    assert.equal(result.create?.spec?.replicas, 3)
    assert.match(result.create?.metadata?.name ?? '', /^web-[bcdfghjklmnpqrstvwxz2456789]+$/)
    assert.equal(result.create?.metadata?.annotations?.['deployment.kubernetes.io/max-replicas'], '4')
    assert.equal(result.revision, '1')
    const progressing = result.status.conditions?.find(({ type }) => type === 'Progressing')
    assert.equal(progressing?.reason, 'NewReplicaSetCreated')
  })

  it('names the ReplicaSet the same after a restart, and differently after a collision', () => {
    const name = (deployment: Deployment): string | undefined => plan(deployment, []).create?.metadata?.name
    assert.equal(name(aDeployment(3)), name(aDeployment(3)))
    assert.notEqual(name(aDeployment(3)), name(aDeployment(3, {}, { collisionCount: 1 })))
  })

  it('starts a rollout with the surge, and leaves the old Pods until the new size is seen', () => {
    const old = aReplicaSet('v0', 4, 4, annotated(4, 5))
    const result = plan(aDeployment(4), [old])
    assert.equal(result.create?.spec?.replicas, 1)
    assert.deepEqual(sizes(result), {})
  })

  it('takes old Pods down only as far as enough stay available', () => {
    const old = aReplicaSet('v0', 4, 4, annotated(4, 5))
    const fresh = aReplicaSet('v1', 1, 0, annotated(4, 5, '2'))
    assert.deepEqual(sizes(plan(aDeployment(4), [old, fresh])), { 'web-v0': 3 })
    fresh.status = { replicas: 1, readyReplicas: 1, availableReplicas: 1 }
    assert.deepEqual(sizes(plan(aDeployment(4), [old, fresh])), { 'web-v0': 2 })
  })

  it('cleans up old Pods that are not available first', () => {
    const broken = aReplicaSet('v0', 2, 0, annotated(4, 5))
    const fresh = aReplicaSet('v1', 3, 2, annotated(4, 5, '2'))
    const result = plan(aDeployment(4), [broken, fresh])
    assert.deepEqual(sizes(result), { 'web-v0': 1 })
  })

  it('brings an old template back under a higher revision and remembers the old one', () => {
    const back = aReplicaSet('v1', 0, 0, annotated(2, 3, '1'))
    const bad = aReplicaSet('v2', 2, 2, annotated(2, 3, '2'))
    const result = plan(aDeployment(2), [back, bad])
    const updated = result.updates.find(({ to }) => to.metadata?.name === 'web-v1')?.to
    assert.equal(updated?.metadata?.annotations?.['deployment.kubernetes.io/revision'], '3')
    assert.equal(updated?.metadata?.annotations?.['deployment.kubernetes.io/revision-history'], '1')
    assert.equal(updated?.spec?.replicas, 1)
    assert.equal(result.revision, '3')
  })

  it('keeps 64-bit revisions exact', () => {
    const old = aReplicaSet('v0', 1, 1, annotated(1, 2, '3546343826724305832'))
    assert.equal(plan(aDeployment(1), [old]).revision, '3546343826724305833')
  })

  it('waits for all old Pods to be gone when it recreates', () => {
    const deployment = aDeployment(2, { strategy: { type: 'Recreate' } })
    const old = aReplicaSet('v0', 2, 2, annotated(2, 2))
    const first = plan(deployment, [old])
    assert.equal(first.create, undefined)
    assert.deepEqual(sizes(first), { 'web-v0': 0 })
    const done = plan(deployment, [aReplicaSet('v0', 0, 0, annotated(2, 2))])
    assert.equal(done.create?.spec?.replicas, 2)
  })

  it('makes no new ReplicaSet while paused, but scales what is there', () => {
    const old = aReplicaSet('v0', 2, 2, annotated(2, 3))
    const result = plan(aDeployment(5, { paused: true }), [old])
    assert.equal(result.create, undefined)
    assert.deepEqual(sizes(result), { 'web-v0': 5 })
    assert.equal(result.status.conditions?.find(({ type }) => type === 'Progressing')?.reason, 'DeploymentPaused')
  })

  it('spreads a change of scale in proportion: 10 to 30 gives 20 and 13', () => {
    const strategy = { type: 'RollingUpdate', rollingUpdate: { maxSurge: 3, maxUnavailable: 2 } }
    const first = aReplicaSet('v0', 8, 8, annotated(10, 13))
    const second = aReplicaSet('v1', 5, 0, annotated(10, 13, '2'))
    assert.deepEqual(sizes(plan(aDeployment(30, { strategy }), [first, second])), { 'web-v0': 20, 'web-v1': 13 })
  })

  it('never shares out less or more than the change', () => {
    const deployment = aDeployment(7, { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 0 } } })
    const active = ['a', 'b', 'c'].map((image, index) => aReplicaSet(image, 5 + index, 0, annotated(18, 18)))
    const total = [...proportionalSizes(deployment, active).values()].reduce((sum, size) => sum + size, 0)
    assert.equal(total, 7)
  })

  it('reports an exceeded progress deadline', () => {
    const condition = {
      type: 'Progressing',
      status: 'True',
      reason: 'ReplicaSetUpdated',
      lastUpdateTime: '2025-12-31T23:00:00Z',
      lastTransitionTime: '2025-12-31T23:00:00Z',
    }
    const status = { replicas: 1, updatedReplicas: 1, observedGeneration: 1, conditions: [condition] }
    const fresh = aReplicaSet('v1', 1, 0, annotated(1, 2))
    const result = plan(aDeployment(1, {}, status), [fresh])
    const progressing = result.status.conditions?.find(({ type }) => type === 'Progressing')
    assert.equal(progressing?.reason, 'ProgressDeadlineExceeded')
    assert.equal(progressing?.message, 'ReplicaSet "web-v1" has timed out progressing.')
  })

  it('deletes the oldest revisions beyond the limit once it is complete', () => {
    const status = { replicas: 1, updatedReplicas: 1, readyReplicas: 1, availableReplicas: 1, observedGeneration: 1 }
    const fresh = aReplicaSet('v1', 1, 1, annotated(1, 2, '3'))
    const old = [aReplicaSet('a', 0, 0, annotated(1, 2, '2')), aReplicaSet('b', 0, 0, annotated(1, 2, '1'))]
    const result = plan(aDeployment(1, { revisionHistoryLimit: 1 }, status), [...old, fresh])
    assert.deepEqual(
      result.deletes.map((rs) => rs.metadata?.name),
      ['web-b'],
    )
  })

  it('plans nothing but the same status when all is as it should be', () => {
    const fresh = aReplicaSet('v1', 2, 2, annotated(2, 3))
    const first = plan(aDeployment(2), [fresh])
    const again = plan(aDeployment(2, {}, first.status), [fresh])
    assert.deepEqual(again.updates, [])
    assert.deepEqual(again.status, first.status)
    assert.equal(again.create, undefined)
  })
})
