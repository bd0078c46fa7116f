import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { PersistentVolume, PersistentVolumeClaim, StorageClass } from '../../api/types.ts'
import { aPod } from '../testing/builders.ts'
import { bindCompleted, boundByController, provisionedBy, selectedNode } from './annotations.ts'
import { chooseVolume, mismatch } from './match.ts'
import { type ClaimView, planClaim } from './plan-claim.ts'
import { planVolume } from './plan-volume.ts'

type Annotations = Readonly<Record<string, string>>

const aClaim = (
  spec: Partial<NonNullable<PersistentVolumeClaim['spec']>> = {},
  annotations: Annotations = {},
): PersistentVolumeClaim => ({
  metadata: { name: 'claim', namespace: 'default', uid: 'uid-claim', annotations: { ...annotations } },
  spec: {
    accessModes: ['ReadWriteOnce'],
    resources: { requests: { storage: '2Gi' } },
    storageClassName: '',
    ...spec,
  },
})
const aVolume = (
  name: string,
  spec: Partial<NonNullable<PersistentVolume['spec']>> = {},
  annotations: Annotations = {},
): PersistentVolume => ({
  metadata: { name, annotations: { ...annotations } },
  spec: { capacity: { storage: '2Gi' }, accessModes: ['ReadWriteOnce', 'ReadOnlyMany'], storageClassName: '', ...spec },
  status: { phase: 'Available' },
})
const reservedFor = (uid?: string, name = 'claim') => ({
  claimRef: { namespace: 'default', name, ...(uid && { uid }) },
})
const aClass = (name: string, more: Partial<StorageClass> = {}): StorageClass => ({
  metadata: { name },
  provisioner: 'disk.example.com',
  volumeBindingMode: 'Immediate',
  ...more,
})
const view = (volumes: PersistentVolume[] = [], more: Partial<ClaimView> = {}): ClaimView => ({
  volumeOf: (name) => volumes.find(({ metadata }) => metadata?.name === name),
  volumes: () => volumes,
  classes: () => [],
  pods: () => [],
  provisioning: true,
  ...more,
})

describe('chooseVolume', () => {
  const sized = (name: string, storage: string) => aVolume(name, { capacity: { storage } })
  const nameOf = (volume: PersistentVolume | undefined) => volume?.metadata?.name

  it('takes the smallest that is large enough', () => {
    const volumes = [sized('small', '1Gi'), sized('large', '9Gi'), sized('fit', '3Gi')]
    assert.equal(nameOf(chooseVolume(aClaim(), volumes, false)), 'fit')
  })

  it('takes what is reserved for the claim first, whatever its class, unless it is too small', () => {
    const reserved = aVolume('reserved', { ...reservedFor(), capacity: { storage: '9Gi' }, storageClassName: 'other' })
    assert.equal(nameOf(chooseVolume(aClaim(), [sized('fit', '2Gi'), reserved], false)), 'reserved')
    const tooSmall = aVolume('reserved', { ...reservedFor(), capacity: { storage: '1Gi' } })
    assert.equal(nameOf(chooseVolume(aClaim(), [sized('fit', '2Gi'), tooSmall], false)), 'fit')
  })

  it('leaves free volumes to the scheduler where binding waits for a consumer', () => {
    assert.equal(chooseVolume(aClaim(), [sized('fit', '2Gi')], true), undefined)
    assert.equal(nameOf(chooseVolume(aClaim(), [aVolume('r', reservedFor())], true)), 'r')
  })

  const unfit: readonly (readonly [string, PersistentVolume])[] = [
    ['is claimed by another', aVolume('v', reservedFor('x', 'other'))],
    ['is of another class', aVolume('v', { storageClassName: 'fast' })],
    ['is of another class by its annotation', aVolume('v', {}, { 'volume.beta.kubernetes.io/storage-class': 'fast' })],
    ['is of another mode', aVolume('v', { volumeMode: 'Block' })],
    ['has other attributes', aVolume('v', { volumeAttributesClassName: 'gold' })],
    ['lacks an access mode', aVolume('v', { accessModes: ['ReadOnlyMany'] })],
    ['is released', { ...aVolume('v'), status: { phase: 'Released' } }],
    ['is being deleted', { ...aVolume('v'), metadata: { name: 'v', deletionTimestamp: '2026-01-01T00:00:00Z' } }],
  ]
  for (const [what, volume] of unfit) {
    it(`takes none that ${what}`, () => assert.equal(chooseVolume(aClaim(), [volume], false), undefined))
  }

  it('goes by the selector of the claim', () => {
    const claim = aClaim({ selector: { matchLabels: { of: 'mine' } } })
    const labelled = { ...aVolume('v'), metadata: { name: 'v', labels: { of: 'mine' } } }
    assert.equal(nameOf(chooseVolume(claim, [aVolume('w'), labelled], false)), 'v')
  })
})

describe('mismatch', () => {
  const cases: readonly (readonly [PersistentVolume, string | undefined])[] = [
    [aVolume('v'), undefined],
    [aVolume('v', { capacity: { storage: '1Gi' } }), 'requested PV is too small'],
    [aVolume('v', { storageClassName: 'fast' }), 'storageClassName does not match'],
    [aVolume('v', { volumeMode: 'Block' }), 'incompatible volumeMode'],
    [aVolume('v', { accessModes: ['ReadOnlyMany'] }), 'incompatible accessMode'],
    [aVolume('v', { volumeAttributesClassName: 'gold' }), 'volumeAttributesClassName does not match'],
  ]
  for (const [volume, why] of cases) it(`says: ${why}`, () => assert.equal(mismatch(volume, aClaim()), why))
})

describe('planClaim', () => {
  const told = (plan: ReturnType<typeof planClaim>): string =>
    'event' in plan && plan.event !== undefined ? `${plan.type} ${plan.event.reason}` : plan.type

  it('binds to what fits', () => assert.equal(told(planClaim(aClaim(), view([aVolume('v')]))), 'bind'))

  it('waits without a class, and says so', () => {
    assert.equal(told(planClaim(aClaim(), view())), 'pending FailedBinding')
  })

  it('gives a claim without a class the default one, but not one that wants none', () => {
    const annotations = { 'storageclass.kubernetes.io/is-default-class': 'true' }
    const older = aClass('older', {
      metadata: { name: 'older', annotations, creationTimestamp: '2026-01-01T00:00:00Z' },
    })
    const newer = aClass('newer', {
      metadata: { name: 'newer', annotations, creationTimestamp: '2026-01-02T00:00:00Z' },
    })
    const classes = () => [older, newer, aClass('plain')]
    const { storageClassName: _none, ...spec } = aClaim().spec ?? {}
    const plan = planClaim({ ...aClaim(), spec }, view([], { classes }))
    assert.deepEqual(plan, { type: 'setClass', className: 'newer' })
    assert.equal(planClaim(aClaim(), view([], { classes })).type, 'pending')
  })

  const dynamic = aClaim({ storageClassName: 'fast' })
  it('asks the provisioner of the class', () => {
    const plan = planClaim(dynamic, view([], { classes: () => [aClass('fast')] }))
    assert.ok(plan.type === 'provision')
    assert.equal(plan.provisioner, 'disk.example.com')
    assert.match(plan.event.message, /^Waiting for a volume to be created either by the external provisioner 'disk\./)
  })

  it('asks the driver that has taken over from a plugin of old, and nobody for one that has no heir', () => {
    const of = (provisioner: string) =>
      planClaim(dynamic, view([], { classes: () => [aClass('fast', { provisioner })] }))
    const plan = of('kubernetes.io/aws-ebs')
    assert.ok(plan.type === 'provision')
    assert.equal(plan.provisioner, 'ebs.csi.aws.com')
    assert.equal(told(of('kubernetes.io/no-provisioner')), 'pending ProvisioningFailed')
  })

  it('says that the class is not there, and nothing where provisioning is off', () => {
    assert.equal(told(planClaim(dynamic, view())), 'pending ProvisioningFailed')
    const off = view([], { classes: () => [aClass('fast')], provisioning: false })
    assert.deepEqual(planClaim(dynamic, off), { type: 'pending', event: undefined })
  })

  describe('where binding waits for a consumer', () => {
    const classes = () => [aClass('fast', { volumeBindingMode: 'WaitForFirstConsumer' })]
    const free = aVolume('v', { storageClassName: 'fast' })
    it('waits, and says for whom', () => {
      assert.equal(told(planClaim(dynamic, view([free], { classes }))), 'pending WaitForFirstConsumer')
      const plan = planClaim(dynamic, view([free], { classes, pods: () => [aPod('b'), aPod('a')] }))
      assert.ok(plan.type === 'pending')
      assert.equal(plan.event?.message, 'waiting for pod a,b to be scheduled')
    })
    it('provisions once the scheduler has chosen a Node', () => {
      const chosen = aClaim({ storageClassName: 'fast' }, { [selectedNode]: 'n' })
      assert.equal(planClaim(chosen, view([free], { classes })).type, 'provision')
    })
    it('binds what the scheduler has reserved', () => {
      const reserved = aVolume('v', { storageClassName: 'fast', ...reservedFor() })
      assert.equal(planClaim(dynamic, view([reserved], { classes })).type, 'bind')
    })
  })

  describe('of a claim that names its volume', () => {
    const named = aClaim({ volumeName: 'v' })
    const cases: readonly (readonly [string, PersistentVolumeClaim, PersistentVolume[], string])[] = [
      ['that is not there yet', named, [], 'pending'],
      ['that is free', named, [aVolume('v')], 'bind'],
      ['that does not fit', named, [aVolume('v', { volumeMode: 'Block' })], 'pending VolumeMismatch'],
      ['that is reserved for it', named, [aVolume('v', reservedFor())], 'bind'],
      ['that another has', named, [aVolume('v', reservedFor('x', 'other'))], 'pending FailedBinding'],
      [
        'that another has though it was given here',
        aClaim({ volumeName: 'v' }, { [boundByController]: 'yes' }),
        [aVolume('v', reservedFor('x', 'other'))],
        'error',
      ],
    ]
    for (const [what, claim, volumes, expected] of cases) {
      it(`${what}: ${expected}`, () => assert.equal(told(planClaim(claim, view(volumes))), expected))
    }
  })

  describe('of a claim that was bound', () => {
    const once = { [bindCompleted]: 'yes' }
    const bound = aClaim({ volumeName: 'v' }, once)
    const cases: readonly (readonly [string, PersistentVolumeClaim, PersistentVolume[], string])[] = [
      ['and is', bound, [aVolume('v', reservedFor('uid-claim'))], 'bind'],
      ['to a volume that has forgotten it', bound, [aVolume('v')], 'bind'],
      ['to a volume that is gone', bound, [], 'lost ClaimLost'],
      ['and has forgotten its volume', aClaim({}, once), [aVolume('v')], 'lost ClaimLost'],
      ['to a volume of another', bound, [aVolume('v', reservedFor('uid-other'))], 'lost ClaimMisbound'],
    ]
    for (const [what, claim, volumes, expected] of cases) {
      it(`${what}: ${expected}`, () => assert.equal(told(planClaim(claim, view(volumes))), expected))
    }
  })
})

describe('planVolume', () => {
  const mine = reservedFor('uid-claim')
  const cases: readonly (readonly [string, PersistentVolume, PersistentVolumeClaim | undefined, string])[] = [
    ['that nobody wants', aVolume('v'), undefined, 'available'],
    ['that a person has reserved', aVolume('v', reservedFor()), undefined, 'available'],
    ['that is bound', aVolume('v', mine), aClaim({ volumeName: 'v' }), 'bound'],
    ['whose claim does not know it yet', aVolume('v', mine), aClaim(), 'syncClaim'],
    ['of another mode than its claim', aVolume('v', { ...mine, volumeMode: 'Block' }), aClaim(), 'mismatch'],
    [
      'whose claim is another of the name',
      aVolume('v', reservedFor('uid-old')),
      aClaim({ volumeName: 'v' }),
      'release',
    ],
    ['whose claim has taken another', aVolume('v', mine), aClaim({ volumeName: 'w' }), 'unbind'],
    [
      'made for a claim that has taken another',
      aVolume('v', { ...mine, persistentVolumeReclaimPolicy: 'Delete' }, { [provisionedBy]: 'disk.example.com' }),
      aClaim({ volumeName: 'w' }),
      'release',
    ],
  ]
  for (const [what, volume, claim, expected] of cases) {
    it(`${what}: ${expected}`, () => assert.equal(planVolume(volume, claim).type, expected))
  }

  it('lets go of all of a reference that was set here, of the uid alone where a person set it', () => {
    const other = aClaim({ volumeName: 'w' })
    assert.deepEqual(planVolume(aVolume('v', mine), other), { type: 'unbind', whole: false })
    const ours = aVolume('v', mine, { [boundByController]: 'yes' })
    assert.deepEqual(planVolume(ours, other), { type: 'unbind', whole: true })
  })

  const reclaimed: readonly (readonly [string, string, Annotations, string | undefined])[] = [
    ['kept', 'Retain', {}, undefined],
    ['left to its provisioner', 'Delete', { [provisionedBy]: 'disk.example.com' }, undefined],
    ['that nobody can delete', 'Delete', {}, 'VolumeFailedDelete'],
    ['of a plugin that is no more', 'Delete', { [provisionedBy]: 'kubernetes.io/gone' }, 'VolumeFailedDelete'],
    ['to be recycled', 'Recycle', {}, 'VolumeFailedRecycle'],
  ]
  for (const [what, policy, annotations, reason] of reclaimed) {
    it(`is ${what}: ${reason}`, () => {
      const plan = planVolume(aVolume('v', { ...mine, persistentVolumeReclaimPolicy: policy }, annotations), undefined)
      assert.ok(plan.type === 'release')
      assert.equal(plan.failure?.reason, reason)
    })
  }
})
