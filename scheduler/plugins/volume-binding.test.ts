import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  csiDrivers,
  csiStorageCapacities,
  nodes as nodesRef,
  persistentVolumeClaims,
  persistentVolumes,
  pods as podsRef,
  type ResourceRef,
  storageClasses,
} from '../../api/resources.ts'
import type { KubeObject, PersistentVolumeClaim, Pod } from '../../api/types.ts'
import type { RestClient } from '../../client/rest/rest-client.ts'
import { FakeClock, settle } from '../../client/testing/fake-clock.ts'
import { CycleState } from '../framework/cycle-state.ts'
import type { Framework } from '../framework/framework.ts'
import { fakeInformers } from '../testing/fake-informers.ts'
import { aPod } from '../testing/fixtures.ts'
import { labelled, onePlugin } from '../testing/one-plugin.ts'
import { aClaim, aClass, aVolume, boundTo, mounting, whereLabel } from '../testing/storage-fixtures.ts'
import { volumeBinding } from './volume-binding.ts'

type Objects = readonly (readonly [ResourceRef, KubeObject])[]

const nodes = [labelled('a', { zone: 'za' }), labelled('b', { zone: 'zb' })]
const claim = (object: PersistentVolumeClaim) => [persistentVolumeClaims, object] as const
const volume = (...args: Parameters<typeof aVolume>) => [persistentVolumes, aVolume(...args)] as const
const storageClass = (...args: Parameters<typeof aClass>) => [storageClasses, aClass(...args)] as const
const noProvisioner = storageClass('wait')
const provisioner = storageClass('wait', { provisioner: 'd' })

const open = (objects: Objects) => {
  const fake = fakeInformers()
  for (const [ref, object] of objects) fake.set(ref, object)
  for (const node of nodes) fake.set(nodesRef, node)
  const clock = new FakeClock()
  /** The API server: what is written comes back by the informers, with a new version. */
  let version = 1000
  const written: KubeObject[] = []
  const change: Partial<RestClient> = {
    update: (_ref, object) => {
      const stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(++version) } }
      written.push(stored)
      return Promise.resolve(stored)
    },
  }
  const tested = onePlugin(volumeBinding, { nodes, informers: fake.factory, change, clock })
  return { ...tested, fake, clock, written }
}

const unresolvable = (reason: string): string => `UnschedulableAndUnresolvable: ${reason}`
const noVolumes = unresolvable("node(s) didn't find available persistent volumes to bind")
const nodeConflict = unresolvable("node(s) didn't match PersistentVolume's node affinity")
const noSpace = unresolvable('node(s) did not have enough free storage')

describe('VolumeBinding filters', () => {
  const deleting: PersistentVolumeClaim = aClaim('c')
  deleting.metadata = { ...deleting.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' }
  const selected = (nodeName: string): PersistentVolumeClaim => {
    const object = aClaim('c')
    return {
      ...object,
      metadata: { ...object.metadata, annotations: { 'volume.kubernetes.io/selected-node': nodeName } },
    }
  }
  const inZoneA = whereLabel('zone', 'za')
  const reserved = (name: string) => ({ claimRef: { name, namespace: 'default' } })
  const capacity = (size: string, zone: string) =>
    [
      csiStorageCapacities,
      {
        metadata: { name: `cap-${zone}`, namespace: 'default', resourceVersion: '1' },
        storageClassName: 'wait',
        capacity: size,
        nodeTopology: { matchLabels: { zone } },
      } as KubeObject,
    ] as const
  const driver = [
    csiDrivers,
    { metadata: { name: 'd', resourceVersion: '1' }, spec: { storageCapacity: true } } as KubeObject,
  ] as const
  const inTopology = (value: string) =>
    storageClass('wait', {
      provisioner: 'd',
      allowedTopologies: [{ matchLabelExpressions: [{ key: 'zone', values: [value] }] }],
    })

  const cases: { what: string; objects: Objects; pod?: Pod; at?: string; expected?: string }[] = [
    { what: 'knows no such claim', objects: [], expected: unresolvable('persistentvolumeclaim "c" not found') },
    {
      what: 'waits for ephemeral claims',
      objects: [],
      pod: aPod({ volumes: [{ name: 'v', ephemeral: {} }] }),
      expected: unresolvable('waiting for ephemeral volume controller to create the persistentvolumeclaim "POD-v"'),
    },
    {
      what: 'refuses a claim that is being deleted',
      objects: [claim(deleting)],
      expected: unresolvable('persistentvolumeclaim "c" is being deleted'),
    },
    {
      what: 'refuses a claim that lost its volume',
      objects: [claim({ ...boundTo('c', 'pv'), status: { phase: 'Lost' } })],
      expected: unresolvable('persistentvolumeclaim "c" bound to non-existent persistentvolume "pv"'),
    },
    {
      what: 'waits for immediate binding',
      objects: [claim(aClaim('c')), storageClass('wait', { volumeBindingMode: 'Immediate' })],
      expected: unresolvable('pod has unbound immediate PersistentVolumeClaims'),
    },
    {
      what: 'waits for a claim that names its volume',
      objects: [claim(aClaim('c', { volumeName: 'pv' })), noProvisioner],
      expected: unresolvable('pod has unbound immediate PersistentVolumeClaims'),
    },
    { what: 'takes a bound volume', objects: [claim(boundTo('c', 'pv')), volume('pv', inZoneA)] },
    {
      what: 'only where it is reached',
      objects: [claim(boundTo('c', 'pv')), volume('pv', inZoneA)],
      at: 'b',
      expected: nodeConflict,
    },
    {
      what: 'misses the volume of a bound claim',
      objects: [claim(boundTo('c', 'pv'))],
      expected: unresolvable('node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)'),
    },
    {
      what: 'finds a volume for a claim that waits',
      objects: [claim(aClaim('c')), noProvisioner, volume('pv', inZoneA)],
    },
    {
      what: 'finds none on another node',
      objects: [claim(aClaim('c')), noProvisioner, volume('pv', inZoneA)],
      at: 'b',
      expected: noVolumes,
    },
    {
      what: 'finds none that is too small',
      objects: [claim(aClaim('c')), noProvisioner, volume('pv', { capacity: { storage: '1Mi' } })],
      expected: noVolumes,
    },
    {
      what: 'finds none of another class',
      objects: [claim(aClaim('c')), noProvisioner, volume('pv', { storageClassName: 'other' })],
      expected: noVolumes,
    },
    {
      what: 'finds none with other access modes',
      objects: [claim(aClaim('c', { accessModes: ['ReadWriteMany'] })), noProvisioner, volume('pv')],
      expected: noVolumes,
    },
    {
      what: 'finds none of another mode',
      objects: [claim(aClaim('c', { volumeMode: 'Block' })), noProvisioner, volume('pv')],
      expected: noVolumes,
    },
    {
      what: 'finds none that its selector does not match',
      objects: [claim(aClaim('c', { selector: { matchLabels: { x: 'y' } } })), noProvisioner, volume('pv')],
      expected: noVolumes,
    },
    {
      what: 'leaves what is reserved for others',
      objects: [claim(aClaim('c')), noProvisioner, volume('pv', reserved('other'))],
      expected: noVolumes,
    },
    {
      what: 'takes what is reserved for it, or nothing',
      objects: [claim(aClaim('c')), noProvisioner, volume('pv', { ...reserved('c'), ...inZoneA }), volume('free')],
      at: 'b',
      expected: noVolumes,
    },
    { what: 'has a volume made', objects: [claim(aClaim('c')), provisioner] },
    {
      what: 'has none made outside of the topology',
      objects: [claim(aClaim('c')), inTopology('zb')],
      expected: noVolumes,
    },
    {
      what: 'has it made where it was asked for before',
      objects: [claim(selected('a')), provisioner],
    },
    { what: 'and nowhere else', objects: [claim(selected('a')), provisioner], at: 'b', expected: noVolumes },
    {
      what: 'has none made where there is no space',
      objects: [claim(aClaim('c')), provisioner, driver, capacity('1Mi', 'za'), capacity('10Gi', 'zb')],
      expected: noSpace,
    },
    {
      what: 'has one made where there is space',
      objects: [claim(aClaim('c')), provisioner, driver, capacity('1Mi', 'za'), capacity('10Gi', 'zb')],
      at: 'b',
    },
  ]
  for (const { what, objects, pod = mounting('c'), at = 'a', expected } of cases) {
    it(what, () => {
      const { rejection } = open(objects)
      assert.equal(rejection(pod, at), expected?.replace('POD', pod.metadata?.name ?? ''))
    })
  }
})

/** Filter and Reserve on the node. */
const reserve = (
  framework: Framework,
  pod: Pod,
  { open: tested, nodeName }: { open: ReturnType<typeof open>; nodeName: string },
) => {
  const cycle = new CycleState()
  framework.preFilter(cycle, pod, tested.cache.nodes)
  const info = tested.cache.get(nodeName)
  assert.ok(info)
  assert.equal(framework.filter(cycle, pod, info), undefined)
  assert.equal(framework.reserve(cycle, pod, nodeName), undefined)
  return cycle
}

describe('VolumeBinding binds', () => {
  const bindOn = (tested: ReturnType<typeof open>, pod: Pod, nodeName: string) => {
    const { framework, fake } = tested
    fake.set(podsRef, pod)
    const cycle = reserve(framework, pod, { open: tested, nodeName })
    const groups = framework.preBindGroups(cycle, pod, nodeName)
    const { signal } = new AbortController()
    const state = { outcome: 'waiting' }
    void framework.preBind(cycle, pod, { nodeName, signal, groups }).then(
      () => (state.outcome = 'bound'),
      (error: Error) => (state.outcome = error.message),
    )
    return { state, cycle }
  }

  it('the smallest volume, and gives it to nobody else meanwhile', async () => {
    const big = volume('big', { capacity: { storage: '5Gi' } })
    const tested = open([claim(aClaim('c')), claim(aClaim('d')), noProvisioner, big, volume('small')])
    const pod = mounting('c')
    const { state } = bindOn(tested, pod, 'a')
    assert.deepEqual(tested.rejection(mounting('d'), 'a'), undefined, 'the big one is left')
    const second = bindOn(tested, mounting('d'), 'a')
    await settle()
    assert.deepEqual(
      tested.written.map(({ metadata }) => metadata?.name),
      ['small', 'big'],
    )
    const [small, other] = tested.written as { spec?: { claimRef?: { name: string; uid: string } } }[]
    assert.equal(small?.spec?.claimRef?.uid, 'uid-c')
    assert.equal(other?.spec?.claimRef?.uid, 'uid-d')
    assert.equal(state.outcome, 'waiting')
    tested.fake.set(persistentVolumes, tested.written[0] ?? {})
    await settle()
    assert.equal(state.outcome, 'waiting', 'the claim is not bound yet')
    tested.fake.set(persistentVolumeClaims, boundTo('c', 'small'))
    await settle()
    assert.equal(state.outcome, 'bound')
    assert.equal(second.state.outcome, 'waiting')
    assert.equal(open([claim(aClaim('e')), noProvisioner]).rejection(mounting('e'), 'a'), noVolumes)
  })

  it('a volume that a provisioner makes, on the node that was chosen', async () => {
    const tested = open([claim(aClaim('c')), provisioner])
    const { state } = bindOn(tested, mounting('c'), 'b')
    await settle()
    const [selected] = tested.written
    assert.equal(selected?.metadata?.annotations?.['volume.kubernetes.io/selected-node'], 'b')
    const bound = boundTo('c', 'made')
    const annotations = { ...bound.metadata?.annotations, 'volume.kubernetes.io/selected-node': 'b' }
    tested.fake.set(persistentVolumes, aVolume('made', whereLabel('zone', 'zb')))
    const metadata = { ...bound.metadata, annotations, resourceVersion: '2000' }
    tested.fake.set(persistentVolumeClaims, { ...bound, metadata })
    await settle()
    assert.equal(state.outcome, 'bound')
  })

  it('again elsewhere when the provisioner gives up, the volume is out of reach, or the time is over', async () => {
    const failing = async (change: (tested: ReturnType<typeof open>) => Promise<void> | void): Promise<string> => {
      const tested = open([claim(aClaim('c')), provisioner])
      const { state } = bindOn(tested, mounting('c'), 'b')
      await settle()
      await change(tested)
      await settle()
      return state.outcome
    }
    const newer = (annotations: Record<string, string>, volumeName?: string): PersistentVolumeClaim => {
      const object = volumeName === undefined ? aClaim('c') : boundTo('c', volumeName)
      return { ...object, metadata: { ...object.metadata, annotations, resourceVersion: '2000' } }
    }
    const gaveUp = await failing(({ fake }) => fake.set(persistentVolumeClaims, newer({ other: 'x' })))
    assert.equal(gaveUp, 'binding volumes: provisioning failed for PVC "c"')
    const outOfReach = await failing(({ fake }) => {
      fake.set(persistentVolumes, aVolume('made', whereLabel('zone', 'za')))
      fake.set(persistentVolumeClaims, newer({ 'volume.kubernetes.io/selected-node': 'b' }, 'made'))
    })
    assert.equal(
      outOfReach,
      'binding volumes: pv "made" node affinity doesn\'t match node "b": no matching NodeSelectorTerms',
    )
    const late = await failing(({ clock }) => clock.advance(600_000))
    assert.equal(late, 'binding volumes: context deadline exceeded')
  })

  it('nothing where all is bound already', () => {
    const tested = open([claim(boundTo('c', 'pv')), volume('pv')])
    const pod = mounting('c')
    const cycle = reserve(tested.framework, pod, { open: tested, nodeName: 'a' })
    assert.deepEqual(tested.framework.preBindGroups(cycle, pod, 'a'), [])
  })

  it('frees what a Pod had reserved', () => {
    const tested = open([claim(aClaim('c')), claim(aClaim('d')), noProvisioner, volume('pv')])
    const pod = mounting('c')
    const cycle = reserve(tested.framework, pod, { open: tested, nodeName: 'a' })
    assert.equal(tested.rejection(mounting('d'), 'a'), noVolumes)
    tested.framework.unreserve(cycle, pod, 'a')
    assert.equal(tested.rejection(mounting('d'), 'a'), undefined)
  })
})

describe('VolumeBinding hints', () => {
  const { hint } = open([])
  const pod = mounting('c')
  it('wake Pods for their own claims and for storage that became more', () => {
    const changed = { resource: 'PersistentVolumeClaim', action: 'UpdateOther' } as const
    assert.equal(hint(pod, changed, { old: aClaim('c'), current: aClaim('c') }), 'Queue')
    assert.equal(hint(pod, changed, { old: aClaim('d'), current: aClaim('d') }), 'Skip')
    const classChanged = { resource: 'storage.k8s.io/StorageClass', action: 'UpdateOther' } as const
    assert.equal(hint(pod, classChanged, { old: aClass('x'), current: aClass('x') }), 'Skip')
    const topology = { allowedTopologies: [{ matchLabelExpressions: [{ key: 'zone', values: ['a'] }] }] }
    assert.equal(hint(pod, classChanged, { old: aClass('x'), current: aClass('x', topology) }), 'Queue')
    const capacity = (size: string) =>
      ({ metadata: { name: 'x' }, storageClassName: 'wait', capacity: size }) as KubeObject
    const capacityChanged = { resource: 'storage.k8s.io/CSIStorageCapacity', action: 'UpdateOther' } as const
    assert.equal(hint(pod, capacityChanged, { old: capacity('1Gi'), current: capacity('2Gi') }), 'Queue')
    assert.equal(hint(pod, capacityChanged, { old: capacity('2Gi'), current: capacity('1Gi') }), 'Skip')
  })
})
