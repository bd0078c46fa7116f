import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Container, PodStatus, ResourceClaim } from '../../api/types.ts'
import type { BoundPod } from '../pod.ts'
import { aContainer, aPod } from '../testing.ts'
import { cdiDevicesOf, checkClaim, claimNames, driversOf, type PreparedClaim } from './pod-claims.ts'

const resourceClaims = [
  { name: 'own', resourceClaimName: 'named' },
  { name: 'made', resourceClaimTemplateName: 'template' },
]
const podWith = (status: PodStatus): BoundPod => ({ ...aPod({ resourceClaims }), status })
const statuses = [{ name: 'made', resourceClaimName: 'web-made-x' }]

describe('names of claims', () => {
  it('are given, or those that were made from templates', () => {
    assert.deepEqual(claimNames(podWith({ resourceClaimStatuses: statuses })), ['named', 'web-made-x'])
    assert.deepEqual(claimNames(podWith({ resourceClaimStatuses: [{ name: 'made' }] })), ['named'])
    assert.throws(() => claimNames(podWith({})), /ResourceClaim not created yet/)
  })

  it('include the one for extended resources', () => {
    const extended = { resourceClaimName: 'extended', requestMappings: [] }
    const status = { resourceClaimStatuses: statuses, extendedResourceClaimStatus: extended }
    assert.deepEqual(claimNames(podWith(status)), ['named', 'web-made-x', 'extended'])
  })
})

describe('a claim', () => {
  const claim = (status: object): ResourceClaim =>
    ({ metadata: { name: 'named', uid: 'c1' }, spec: {}, status }) as ResourceClaim
  const allocation = { devices: { results: [{ driver: 'a' }, { driver: 'b' }, { driver: 'a' }] } }
  const reservedFor = [{ resource: 'pods', name: 'web', uid: 'u1' }]

  it('is the Pod’s only while it is reserved for it and allocated', () => {
    assert.throws(
      () => checkClaim(aPod(), claim({ allocation })),
      /pod web \(u1\) is not allowed to use ResourceClaim named \(c1\)/,
    )
    assert.throws(() => checkClaim(aPod(), claim({ reservedFor })), /ResourceClaim named not allocated/)
    assert.doesNotThrow(() => checkClaim(aPod(), claim({ reservedFor, allocation })))
  })

  it('is prepared by each of its drivers', () => {
    assert.deepEqual(driversOf(claim({ allocation })), ['a', 'b'])
  })
})

describe('devices of a container', () => {
  const device = (requestNames: string[], id: string) => ({
    requestNames,
    poolName: 'p',
    deviceName: id,
    cdiDeviceIds: [id],
  })
  const prepared: PreparedClaim = {
    namespace: 'shop',
    name: 'named',
    uid: 'c1',
    pods: ['u1'],
    prepared: true,
    drivers: { a: [device(['big/first'], 'A'), device(['small'], 'B')], b: [device([], 'C')] },
  }
  const devices = (claims: NonNullable<Container['resources']>['claims'] = []): string[] =>
    cdiDevicesOf(podWith({ resourceClaimStatuses: statuses }), aContainer('c', { resources: { claims } }), (name) =>
      name === 'named' ? prepared : undefined,
    )

  it('are those of the claims, or of the requests, that it names', () => {
    assert.deepEqual(devices(), [])
    assert.deepEqual(devices([{ name: 'own' }]), ['A', 'B', 'C'])
    assert.deepEqual(devices([{ name: 'own', request: 'big' }]), ['A', 'C'])
    assert.deepEqual(devices([{ name: 'own', request: 'big/first' }]), ['A', 'C'])
    assert.deepEqual(devices([{ name: 'own', request: 'none' }]), ['C'])
  })

  it('are not there before their claim is prepared', () => {
    assert.throws(() => devices([{ name: 'made' }]), /unable to get information for ResourceClaim web-made-x/)
  })
})
