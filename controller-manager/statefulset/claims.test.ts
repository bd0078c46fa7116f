import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { PersistentVolumeClaim, StatefulSet } from '../../api/types.ts'
import { aPod } from '../testing/builders.ts'
import { claimObstacle, planClaimRetention } from './claim-retention.ts'
import { missingIdentity } from './pod.ts'

type Policy = NonNullable<StatefulSet['spec']>['persistentVolumeClaimRetentionPolicy']

const aSet = (replicas: number, policy?: Policy): StatefulSet => ({
  metadata: { name: 'db', namespace: 'default', uid: 'uid-db' },
  spec: {
    replicas,
    serviceName: 'db',
    selector: {},
    template: {},
    volumeClaimTemplates: [{ metadata: { name: 'data' } }],
    ...(policy && { persistentVolumeClaimRetentionPolicy: policy }),
  },
})
const aClaim = (
  ordinal: number,
  owners: readonly { kind: string; name: string; uid: string }[] = [],
): PersistentVolumeClaim => ({
  metadata: {
    name: `data-db-${ordinal}`,
    namespace: 'default',
    ...(owners.length > 0 && { ownerReferences: owners.map((owner) => ({ apiVersion: 'v1', ...owner })) }),
  },
})
const owners = (set: StatefulSet, ordinals: readonly number[], claims: readonly PersistentVolumeClaim[]) =>
  planClaimRetention(
    set,
    ordinals.map((ordinal) => aPod(`db-${ordinal}`)),
    claims,
  ).map(({ metadata }) => [metadata?.name, ...(metadata?.ownerReferences ?? []).map(({ kind }) => kind)].join(' '))

describe('claims of a StatefulSet', () => {
  it('are nobody’s unless a policy says so', () => {
    assert.deepEqual(owners(aSet(2), [0, 1], [aClaim(0), aClaim(1)]), [])
    assert.deepEqual(
      owners(aSet(1, { whenDeleted: 'Retain', whenScaled: 'Retain' }), [0, 1], [aClaim(0), aClaim(1)]),
      [],
    )
  })

  it('go with the set, or with the Pod that is scaled away', () => {
    const claims = [aClaim(0), aClaim(1)]
    assert.deepEqual(owners(aSet(1, { whenDeleted: 'Delete', whenScaled: 'Retain' }), [0, 1], claims), [
      'data-db-0 StatefulSet',
      'data-db-1 StatefulSet',
    ])
    assert.deepEqual(owners(aSet(1, { whenDeleted: 'Retain', whenScaled: 'Delete' }), [0, 1], claims), [
      'data-db-1 Pod',
    ])
    assert.deepEqual(owners(aSet(1, { whenDeleted: 'Delete', whenScaled: 'Delete' }), [0, 1], claims), [
      'data-db-0 StatefulSet',
      'data-db-1 Pod',
    ])
  })

  it('are given back when the policy changes its mind', () => {
    const owned = [aClaim(0, [{ kind: 'StatefulSet', name: 'db', uid: 'uid-db' }])]
    assert.deepEqual(owners(aSet(1, { whenDeleted: 'Retain', whenScaled: 'Retain' }), [0], owned), ['data-db-0'])
  })

  it('are not used while they go, nor when they are about to go with an earlier Pod', () => {
    assert.equal(claimObstacle(undefined, 'db-0', undefined), undefined)
    assert.equal(claimObstacle(aClaim(0), 'db-0', undefined), undefined)
    const going = { ...aClaim(0), metadata: { ...aClaim(0).metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } }
    assert.match(claimObstacle(going, 'db-0', undefined) ?? '', /is being deleted/)
    const stale = aClaim(0, [{ kind: 'Pod', name: 'db-0', uid: 'uid-of-old' }])
    assert.match(claimObstacle(stale, 'db-0', undefined) ?? '', /earlier pod/)
    assert.equal(
      claimObstacle(aClaim(0, [{ kind: 'Pod', name: 'db-0', uid: 'uid-db-0' }]), 'db-0', aPod('db-0')),
      undefined,
    )
  })
})

describe('the identity of a Pod', () => {
  it('is put back where somebody has taken it off', () => {
    const pod = aPod('db-1', { metadata: { labels: { 'apps.kubernetes.io/pod-index': '7' } } })
    assert.deepEqual(missingIdentity(aSet(2), pod), {
      'statefulset.kubernetes.io/pod-name': 'db-1',
      'apps.kubernetes.io/pod-index': '1',
    })
    const labels = { 'statefulset.kubernetes.io/pod-name': 'db-1', 'apps.kubernetes.io/pod-index': '1' }
    assert.equal(missingIdentity(aSet(2), aPod('db-1', { metadata: { labels } })), undefined)
  })
})
