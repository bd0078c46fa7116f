import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Pod, ResourceClaim } from '../../api/types.ts'
import { aPod } from '../testing/builders.ts'
import { claimFinalizer, claimFromTemplate, claimKeysOf, isPodDone, needsReservation, planClaim } from './plan.ts'

const consumer = (name: string) => ({ resource: 'pods', name, uid: `uid-${name}` })
const allocation = { devices: { results: [{ request: 'r', driver: 'd', pool: 'p', device: 'x' }] } }

const aClaim = (status: ResourceClaim['status'], more: ResourceClaim['metadata'] = {}): ResourceClaim => ({
  metadata: { name: 'c', namespace: 'default', finalizers: [claimFinalizer], ...more },
  spec: {},
  ...(status && { status }),
})

describe('planClaim', () => {
  it('leaves a claim alone whose consumers are all there', () => {
    const claim = aClaim({ allocation, reservedFor: [consumer('a')] })
    assert.deepEqual(planClaim(claim, [consumer('a')]), { status: undefined, dropFinalizer: false })
  })

  it('takes out who is gone, and keeps the devices for the others', () => {
    const claim = aClaim({ allocation, reservedFor: [consumer('a'), consumer('b')] })
    const plan = planClaim(claim, [consumer('b')])
    assert.deepEqual(plan, { status: { allocation, reservedFor: [consumer('b')] }, dropFinalizer: false })
  })

  it('gives the devices back with the last one, their status too', () => {
    const devices = [{ driver: 'd', pool: 'p', device: 'x' }]
    const plan = planClaim(aClaim({ allocation, devices, reservedFor: [consumer('a')] }), [])
    assert.deepEqual(plan, { status: { reservedFor: [] }, dropFinalizer: true })
  })

  it('keeps the devices of a claim that nobody has used yet, until it is deleted', () => {
    assert.deepEqual(planClaim(aClaim({ allocation }), []), { status: undefined, dropFinalizer: false })
    const deleted = aClaim({ allocation }, { deletionTimestamp: '2026-01-01T00:00:00Z' })
    assert.deepEqual(planClaim(deleted, []), { status: { reservedFor: [] }, dropFinalizer: true })
  })

  it('finishes what an earlier run has begun', () => {
    const deleted = aClaim({}, { deletionTimestamp: '2026-01-01T00:00:00Z' })
    assert.deepEqual(planClaim(deleted, []), { status: undefined, dropFinalizer: true })
  })
})

describe('claims of a Pod', () => {
  const pod = (statuses: NonNullable<Pod['status']>['resourceClaimStatuses']): Pod => {
    const base = aPod('p')
    const resourceClaims = [
      { name: 'own', resourceClaimTemplateName: 't' },
      { name: 'shared', resourceClaimName: 's' },
    ]
    return {
      ...base,
      spec: { containers: [], resourceClaims },
      status: { ...base.status, ...(statuses && { resourceClaimStatuses: statuses }) },
    }
  }

  it('are those that it names, and those that were made for it', () => {
    assert.deepEqual(claimKeysOf(pod(undefined)), ['default/s'])
    assert.deepEqual(claimKeysOf(pod([{ name: 'own', resourceClaimName: 'p-own-x' }])), [
      'default/p-own-x',
      'default/s',
    ])
    assert.deepEqual(claimKeysOf(pod([{ name: 'own' }])), ['default/s'])
  })

  it('are named after Pod and entry, both shortened alike', () => {
    const template = { spec: { metadata: { labels: { l: '1' } }, spec: {} } }
    const short = claimFromTemplate(aPod('p'), { name: 'gpu' }, template)
    assert.equal(short.metadata?.generateName, 'p-gpu-')
    assert.equal(short.metadata?.annotations?.['resource.kubernetes.io/pod-claim-name'], 'gpu')
    assert.deepEqual(short.metadata?.labels, { l: '1' })
    const long = claimFromTemplate(aPod('p'.repeat(60)), { name: 'g'.repeat(60) }, template)
    assert.match(long.metadata?.generateName ?? '', /^p{28}-g{28}$/)
  })

  it('are reserved here only for Pods that are on a Node, once devices are there', () => {
    const bound = aPod('p', { node: 'n' })
    assert.ok(!needsReservation(bound, aClaim({})))
    assert.ok(needsReservation(bound, aClaim({ allocation })))
    assert.ok(!needsReservation(bound, aClaim({ allocation, reservedFor: [consumer('p')] })))
    const full = Array.from({ length: 256 }, (_, index) => consumer(`other-${index}`))
    assert.ok(!needsReservation(bound, aClaim({ allocation, reservedFor: full })))
  })

  it('are done with when the Pod has ended, or is deleted before it had a Node', () => {
    assert.ok(isPodDone(aPod('p', { phase: 'Succeeded', node: 'n' })))
    assert.ok(isPodDone(aPod('p', { deleting: true })))
    assert.ok(!isPodDone(aPod('p', { deleting: true, node: 'n' })))
  })
})
