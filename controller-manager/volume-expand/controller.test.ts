import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { PersistentVolume, PersistentVolumeClaim } from '../../api/types.ts'
import { mayExpand, planExpansion } from './controller.ts'

const claim = (wants: string, has: string): PersistentVolumeClaim => ({
  spec: { resources: { requests: { storage: wants } } },
  status: { capacity: { storage: has } },
})
const csi: PersistentVolume = { spec: { csi: { driver: 'd', volumeHandle: 'h' } } }

describe('planExpansion', () => {
  it('leaves claims alone that have what they want', () => {
    assert.equal(planExpansion(claim('1Gi', '1024Mi'), csi).type, 'none')
  })

  it('waits for others', () => {
    const external = { type: 'external', message: 'waiting for an external controller to expand this PVC' }
    assert.deepEqual(planExpansion(claim('2Gi', '1Gi'), csi), { ...external, eventType: 'Normal' })
    const hostPath = { spec: { hostPath: { path: '/x' } } }
    assert.deepEqual(planExpansion(claim('2Gi', '1Gi'), hostPath), { ...external, eventType: 'Warning' })
  })

  it('names the driver that has taken over from a plugin of old', () => {
    const plan = planExpansion(claim('2Gi', '1Gi'), { spec: { awsElasticBlockStore: { volumeID: 'v' } } })
    assert.ok(plan.type === 'migrated')
    assert.equal(plan.resizer, 'ebs.csi.aws.com')
    assert.match(plan.message, /kubernetes\.io\/aws-ebs/)
  })

  it('looks at claims that grow, not at those that shrink or stay', () => {
    assert.ok(mayExpand(claim('1Gi', '1Gi'), claim('2Gi', '1Gi')))
    assert.ok(mayExpand(claim('2Gi', '1Gi'), claim('2Gi', '2Gi')))
    assert.ok(!mayExpand(claim('2Gi', '1Gi'), claim('1Gi', '1Gi')))
  })
})
