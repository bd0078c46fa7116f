/** What volumes say of nodes: restrictions, limits, zones. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  csiNodes,
  persistentVolumeClaims,
  persistentVolumes,
  type ResourceRef,
  storageClasses,
  volumeAttachments,
} from '../../api/resources.ts'
import type { KubeObject, Pod, Volume } from '../../api/types.ts'
import type { PluginFactory } from '../framework/plugin.ts'
import { fakeInformers } from '../testing/fake-informers.ts'
import { aNode, aPod } from '../testing/fixtures.ts'
import { labelled, onePlugin, type OnePluginOptions } from '../testing/one-plugin.ts'
import { aClaim, aClass, aCsiNode, aVolume, boundTo, mounting } from '../testing/storage-fixtures.ts'
import { nodeVolumeLimits } from './node-volume-limits.ts'
import { volumeRestrictions } from './volume-restrictions.ts'
import { volumeZone } from './volume-zone.ts'

const withObjects = (
  factory: PluginFactory,
  objects: readonly (readonly [ResourceRef, KubeObject])[],
  options: OnePluginOptions = {},
) => {
  const fake = fakeInformers()
  for (const [ref, object] of objects) fake.set(ref, object)
  return onePlugin(factory, { nodes: [aNode('n')], ...options, informers: fake.factory })
}

const having = (...volumes: Omit<Volume, 'name'>[]): Pod =>
  aPod({ volumes: volumes.map((volume, index) => ({ name: `v${index}`, ...volume })) })

describe('VolumeRestrictions', () => {
  const gce = (pdName: string, readOnly = false) => ({ gcePersistentDisk: { pdName, readOnly } })
  const ebs = (volumeID: string, readOnly = false) => ({ awsElasticBlockStore: { volumeID, readOnly } })
  const iscsi = (iqn: string, readOnly = false) => ({ iscsi: { iqn, readOnly, lun: 0, targetPortal: 'x' } })
  const rbd = (image: string, monitors: string[], readOnly = false) => ({ rbd: { image, monitors, readOnly } })
  const cases: [Omit<Volume, 'name'>, Omit<Volume, 'name'>, boolean][] = [
    [gce('a'), gce('a'), false],
    [gce('a', true), gce('a', true), true],
    [gce('a'), gce('b'), true],
    [ebs('a', true), ebs('a', true), false],
    [ebs('a'), ebs('b'), true],
    [iscsi('a'), iscsi('a', true), false],
    [iscsi('a', true), iscsi('a', true), true],
    [rbd('i', ['m1', 'm2']), rbd('i', ['m2']), false],
    [rbd('i', ['m1']), rbd('i', ['m2']), true],
    [rbd('i', ['m1'], true), rbd('i', ['m1'], true), true],
    [gce('a'), ebs('a'), true],
  ]
  for (const [used, wanted, fits] of cases) {
    it(`${JSON.stringify(wanted)} ${fits ? 'beside' : 'against'} ${JSON.stringify(used)}`, () => {
      const { rejection } = withObjects(volumeRestrictions, [], { running: { n: [having(used)] } })
      assert.equal(rejection(having(wanted), 'n'), fits ? undefined : 'Unschedulable: node(s) had no available disk')
    })
  }

  it('gives a ReadWriteOncePod claim to one Pod, wherever that is, and lets preemption help', () => {
    const claim = aClaim('c', { accessModes: ['ReadWriteOncePod'] })
    const tested = withObjects(volumeRestrictions, [[persistentVolumeClaims, claim]], {
      nodes: [aNode('n'), aNode('m')],
      running: { m: [mounting('c')] },
    })
    const taken =
      'Unschedulable: node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode'
    assert.equal(tested.rejection(mounting('c'), 'n'), taken)
    assert.equal(
      tested.rejection(mounting('missing'), 'n'),
      'UnschedulableAndUnresolvable: persistentvolumeclaim "missing" not found',
    )
    const deleted = { resource: 'AssignedPod', action: 'Delete' } as const
    assert.equal(tested.hint(mounting('c'), deleted, { old: mounting('c') }), 'Queue')
    assert.equal(tested.hint(mounting('c'), deleted, { old: mounting('d') }), 'Skip')
  })
})

describe('VolumeZone', () => {
  const zone = 'topology.kubernetes.io/zone'
  const beta = 'failure-domain.beta.kubernetes.io/zone'
  const volume = (labels: Record<string, string>): [ResourceRef, KubeObject] => [
    persistentVolumes,
    aVolume('pv', {}, labels),
  ]
  const claim: [ResourceRef, KubeObject] = [persistentVolumeClaims, boundTo('c', 'pv')]
  const conflict = 'UnschedulableAndUnresolvable: node(s) had no available volume zone'
  const cases: { what: string; labels: Record<string, string>; node: Record<string, string>; expected?: string }[] = [
    { what: 'the same zone', labels: { [zone]: 'a' }, node: { [zone]: 'a' } },
    { what: 'another zone', labels: { [zone]: 'a' }, node: { [zone]: 'b' }, expected: conflict },
    { what: 'one of several zones', labels: { [zone]: 'a__b' }, node: { [zone]: 'b' } },
    { what: 'a node without labels', labels: { [zone]: 'a' }, node: {} },
    { what: 'the old label at the volume', labels: { [beta]: 'a' }, node: { [zone]: 'a' } },
    { what: 'a volume without labels', labels: {}, node: { [zone]: 'a' } },
  ]
  for (const { what, labels, node, expected } of cases) {
    it(what, () => {
      const { rejection } = withObjects(volumeZone, [claim, volume(labels)], { nodes: [labelled('n', node)] })
      assert.equal(rejection(mounting('c'), 'n'), expected)
    })
  }

  it('says what is missing', () => {
    const reasons: [KubeObject[], string][] = [
      [[], 'persistentvolumeclaim "c" not found'],
      [[boundTo('c', 'pv')], 'persistentvolume "pv" not found'],
      [[aClaim('c', { storageClassName: '' })], 'PersistentVolumeClaim had no pv name and storageClass name'],
      [[aClaim('c')], 'storageclass.storage.k8s.io "wait" not found'],
    ]
    for (const [claims, reason] of reasons) {
      const { rejection } = withObjects(
        volumeZone,
        claims.map((object) => [persistentVolumeClaims, object] as const),
      )
      assert.equal(rejection(mounting('c'), 'n'), `UnschedulableAndUnresolvable: ${reason}`)
    }
    const classOf = (mode: string) => aClass('wait', { volumeBindingMode: mode })
    const withClass = (mode: string) =>
      withObjects(volumeZone, [
        [persistentVolumeClaims, aClaim('c')],
        [storageClasses, classOf(mode)],
      ]).rejection(mounting('c'), 'n')
    assert.equal(withClass('Immediate'), 'UnschedulableAndUnresolvable: PersistentVolume had no name')
    assert.equal(withClass('WaitForFirstConsumer'), undefined)
  })
})

describe('NodeVolumeLimits', () => {
  const csi = (name: string): [ResourceRef, KubeObject] => [
    persistentVolumes,
    aVolume(name, { csi: { driver: 'd', volumeHandle: name } }),
  ]
  const claim = (name: string): [ResourceRef, KubeObject] => [persistentVolumeClaims, boundTo(name, `pv-${name}`)]
  const base = ['a', 'b', 'c'].flatMap((name) => [claim(name), csi(`pv-${name}`)])
  const limit = (count: number): [ResourceRef, KubeObject] => [csiNodes, aCsiNode('n', { d: count })]
  const exceeded = 'Unschedulable: node(s) exceed max volume count'

  it('counts each volume once', () => {
    const running = { n: [mounting('a'), mounting('a', 'b')] }
    assert.equal(
      withObjects(nodeVolumeLimits, [...base, limit(2)], { running }).rejection(mounting('c'), 'n'),
      exceeded,
    )
    assert.equal(
      withObjects(nodeVolumeLimits, [...base, limit(2)], { running }).rejection(mounting('b'), 'n'),
      undefined,
    )
    assert.equal(
      withObjects(nodeVolumeLimits, [...base, limit(3)], { running }).rejection(mounting('c'), 'n'),
      undefined,
    )
    assert.equal(withObjects(nodeVolumeLimits, base, { running }).rejection(mounting('c'), 'n'), undefined, 'no limit')
  })

  it('counts attachments that outlive their Pods', () => {
    const attachment: KubeObject = {
      metadata: { name: 'va', resourceVersion: '1' },
      spec: { attacher: 'd', nodeName: 'n', source: { persistentVolumeName: 'pv-a' } },
    } as KubeObject
    const objects = [...base, limit(1), [volumeAttachments, attachment] as const]
    const { rejection, hint } = withObjects(nodeVolumeLimits, objects)
    assert.equal(rejection(mounting('c'), 'n'), exceeded)
    const deleted = { resource: 'storage.k8s.io/VolumeAttachment', action: 'Delete' } as const
    assert.equal(hint(mounting('c'), deleted, { old: attachment }), 'Queue')
  })

  it('counts volumes that are still to be made, by their class', () => {
    const objects: [ResourceRef, KubeObject][] = [
      [persistentVolumeClaims, aClaim('x')],
      [persistentVolumeClaims, aClaim('y')],
      [storageClasses, aClass('wait', { provisioner: 'd' })],
      limit(1),
    ]
    const { rejection } = withObjects(nodeVolumeLimits, objects, { running: { n: [mounting('x')] } })
    assert.equal(rejection(mounting('y'), 'n'), exceeded)
    assert.equal(rejection(mounting('x'), 'n'), undefined)
    assert.equal(
      rejection(mounting('z'), 'n'),
      'UnschedulableAndUnresolvable: looking up PVC default/z: persistentvolumeclaim "z" not found',
    )
  })

  it('counts in-tree volumes where the node has handed them to a CSI driver', () => {
    const disk = (volumeID: string) => having({ awsElasticBlockStore: { volumeID } })
    const running = { n: [disk('aws://zone/vol-1')] }
    const limitWith = (migrated: string): [ResourceRef, KubeObject] => [
      csiNodes,
      aCsiNode('n', { 'ebs.csi.aws.com': 1 }, migrated),
    ]
    const migrated = withObjects(nodeVolumeLimits, [limitWith('kubernetes.io/aws-ebs')], { running })
    assert.equal(migrated.rejection(disk('vol-2'), 'n'), exceeded)
    assert.equal(migrated.rejection(disk('vol-1'), 'n'), undefined)
    assert.equal(withObjects(nodeVolumeLimits, [limitWith('')], { running }).rejection(disk('vol-2'), 'n'), undefined)
  })

  it('wakes Pods when a node may have more', () => {
    const { hint } = withObjects(nodeVolumeLimits, base)
    const changed = { resource: 'storage.k8s.io/CSINode', action: 'UpdateOther' } as const
    const [two, three] = [aCsiNode('n', { d: 2 }), aCsiNode('n', { d: 3 })]
    assert.equal(hint(mounting('a'), changed, { old: two, current: three }), 'Queue')
    assert.equal(hint(mounting('a'), changed, { old: three, current: two }), 'Skip')
    const deleted = { resource: 'AssignedPod', action: 'Delete' } as const
    assert.equal(hint(mounting('a'), deleted, { old: mounting('b') }), 'Queue')
    assert.equal(hint(mounting('a'), deleted, { old: aPod() }), 'Skip')
  })
})
