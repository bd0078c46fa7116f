import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, it } from 'node:test'
import type { Node, ResourceRequirements } from '../../api/types.ts'
import { createLogger } from '../../component-base/logging/logger.ts'
import type { BoundPod } from '../pod.ts'
import { aContainer, aPod } from '../testing.ts'
import { type Allocator, createAllocator } from './allocator.ts'
import { type AllocationStore, openAllocationStore } from './checkpoint.ts'

const log = createLogger('kubelet', -1)
const folders: string[] = []
const stores: AllocationStore[] = []
afterEach(async () => {
  await Promise.all(stores.splice(0).map((store) => store.flush()))
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true })
})
const aFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'kubets-allocation-'))
  folders.push(folder)
  return folder
}

const node: Node = { status: { allocatable: { cpu: '2', memory: '1Gi', pods: '110' } } }

const podOf = (uid: string, cpu: string, { generation = 1, priority = 0, memory = '64Mi' } = {}): BoundPod => {
  const resources: ResourceRequirements = { requests: { cpu, memory }, limits: { memory } }
  const pod = aPod({ containers: [aContainer('c', { resources })], priority }, { uid, name: uid, generation })
  return pod
}

interface World {
  readonly allocator: Allocator
  readonly pods: Map<string, BoundPod>
  readonly changed: string[]
  readonly events: string[]
  flush(): Promise<void>
  put(pod: BoundPod): BoundPod
}

const aWorld = async (folder = aFolder()): Promise<World> => {
  const pods = new Map<string, BoundPod>()
  const changed: string[] = []
  const events: string[] = []
  const store = await openAllocationStore(join(folder, 'allocated_pods_state'), log)
  stores.push(store)
  let clock = 0
  const allocator: Allocator = createAllocator({
    store,
    node: () => node,
    active: () => [...pods.values()].map((pod) => allocator.given(pod)),
    podOf: (uid) => pods.get(uid),
    onChange: (pod) => changed.push(pod.metadata.uid),
    recorder: { event: (_object, _type, reason, message) => void events.push(`${reason}: ${message}`) },
    now: () => clock++,
  })
  const put = (pod: BoundPod): BoundPod => {
    const isNew = !pods.has(pod.metadata.uid)
    pods.set(pod.metadata.uid, pod)
    return isNew ? allocator.admit(pod) : allocator.resize(pod)
  }
  return { allocator, pods, changed, events, flush: store.flush, put }
}

const cpuOf = (pod: BoundPod): string | undefined => pod.spec.containers[0]?.resources?.requests?.['cpu']

describe('the allocator', () => {
  it('gives what fits at once, and tells of it', async () => {
    const { put, allocator, events } = await aWorld()
    assert.equal(cpuOf(put(podOf('a', '500m'))), '500m')
    assert.deepEqual(allocator.state('a'), {})
    assert.equal(cpuOf(put(podOf('a', '1500m', { generation: 2 }))), '1500m')
    assert.deepEqual(allocator.state('a'), { inProgress: { generation: 2, error: '' } })
    assert.deepEqual(events, [
      'ResizeStarted: Pod resize started: {"containers":[{"name":"c","resources":{"requests":{"cpu":"1500m","memory":"64Mi"},"limits":{"memory":"64Mi"}}}],"generation":2}',
    ])
  })

  it('takes other words for the same amount as no resize', async () => {
    const { put, allocator, events } = await aWorld()
    put(podOf('a', '1'))
    put(podOf('a', '1000m', { generation: 2 }))
    assert.deepEqual(allocator.state('a'), {})
    assert.deepEqual(events, [])
  })

  it('says what the node can never give, and keeps the Pod as it is', async () => {
    const { put, allocator, events } = await aWorld()
    put(podOf('a', '1'))
    assert.equal(cpuOf(put(podOf('a', '3', { generation: 2 }))), '1')
    assert.deepEqual(allocator.state('a').pending, {
      reason: 'Infeasible',
      message: "Node didn't have enough capacity: cpu, requested: 3000, capacity: 2000",
      generation: 2,
    })
    assert.match(
      events[0] ?? '',
      /^ResizeInfeasible: Pod resize Infeasible: .*"error":"Node didn't have enough capacity/,
    )
  })

  it('puts off what does not fit beside the others, and gives it when they leave', async () => {
    const { put, allocator, pods, changed } = await aWorld()
    put(podOf('a', '1'))
    put(podOf('b', '1'))
    put(podOf('a', '1500m', { generation: 2 }))
    assert.deepEqual(allocator.state('a').pending, {
      reason: 'Deferred',
      message: "Node didn't have enough resource: cpu, requested: 1500, used: 1000, capacity: 2000",
      generation: 2,
    })
    allocator.retry()
    assert.deepEqual(changed, [])
    pods.delete('b')
    allocator.retry()
    assert.deepEqual(changed, ['a'])
    assert.deepEqual(allocator.state('a'), { inProgress: { generation: 2, error: '' } })
  })

  it('serves the higher priority first, then who has waited longer', async () => {
    const { put, allocator, pods, changed } = await aWorld()
    put(podOf('hog', '1'))
    for (const uid of ['first', 'second', 'urgent']) put(podOf(uid, '100m', { priority: uid === 'urgent' ? 10 : 0 }))
    for (const uid of ['first', 'second', 'urgent'])
      put(podOf(uid, '1', { generation: 2, priority: uid === 'urgent' ? 10 : 0 }))
    pods.delete('hog')
    allocator.retry()
    assert.deepEqual(changed.slice(0, 1), ['urgent'])
    assert.equal(allocator.state('urgent').pending, undefined)
    assert.equal(allocator.state('second').pending?.reason, 'Deferred')
  })

  it('gives nothing more to a Pod that has ended', async () => {
    const { put, allocator, pods, changed } = await aWorld()
    put(podOf('a', '1'))
    put(podOf('b', '1'))
    put(podOf('a', '1500m', { generation: 2 }))
    pods.set('a', { ...podOf('a', '1500m', { generation: 2 }), status: { phase: 'Failed' } })
    pods.delete('b')
    allocator.retry()
    assert.deepEqual([changed, allocator.state('a')], [[], {}])
  })

  it('forgets a wish that is taken back', async () => {
    const { put, allocator } = await aWorld()
    put(podOf('a', '1'))
    put(podOf('a', '3', { generation: 2 }))
    put(podOf('a', '1', { generation: 3 }))
    assert.deepEqual(allocator.state('a'), {})
  })

  it('keeps an error until the containers have what was given', async () => {
    const { put, allocator, events, pods } = await aWorld()
    put(podOf('a', '1'))
    const pod = put(podOf('a', '2', { generation: 2 }))
    allocator.notDone(pod, 'too small')
    allocator.notDone(pod)
    assert.deepEqual(allocator.state('a').inProgress, { generation: 2, error: 'too small' })
    allocator.notDone(pod, 'too small')
    allocator.done(pod)
    allocator.done(pod)
    assert.deepEqual(allocator.state('a'), {})
    assert.deepEqual(
      events.map((text) => text.split(':')[0]),
      ['ResizeStarted', 'ResizeError', 'ResizeCompleted'],
    )
    assert.equal(pods.size, 1)
  })

  it('remembers over a restart what was given, not what was asked for', async () => {
    const folder = aFolder()
    const before = await aWorld(folder)
    before.put(podOf('a', '1'))
    before.put(podOf('a', '3', { generation: 2 }))
    await before.flush()
    const after = await aWorld(folder)
    assert.equal(cpuOf(after.put(podOf('a', '3', { generation: 2 }))), '1')
    assert.equal(after.allocator.state('a').pending?.reason, 'Infeasible')
  })

  it('starts with a damaged file as with none', async () => {
    const folder = aFolder()
    writeFileSync(join(folder, 'allocated_pods_state'), '{"a":')
    const { put } = await aWorld(folder)
    assert.equal(cpuOf(put(podOf('a', '3'))), '3')
  })
})
