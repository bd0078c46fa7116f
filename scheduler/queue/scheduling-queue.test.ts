import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import type { Pod } from '../../api/types.ts'
import { FakeClock } from '../../client/testing/fake-clock.ts'
import type { ClusterEvent, EventRegistration } from '../framework/events.ts'
import type { Plugin } from '../framework/plugin.ts'
import { schedulingGates } from '../plugins/scheduling-gates.ts'
import { aPod, aScheduler } from '../testing/fixtures.ts'
import { noRejectors, type QueuedPod } from './queued-pod.ts'
import { listenersOf, type Rejectors } from './requeue.ts'
import { SchedulingQueue } from './scheduling-queue.ts'

const { handle } = aScheduler()
const gates = schedulingGates(undefined, handle)

const plugin = (name: string, ...eventsToRegister: EventRegistration[]): Plugin => ({ name, eventsToRegister })
const plugins: readonly Plugin[] = [
  gates,
  plugin(
    'Fit',
    { resource: 'AssignedPod', actions: ['Delete'] },
    { resource: 'Node', actions: ['Add', 'UpdateNodeAllocatable'] },
  ),
  plugin('Taints', { resource: 'Node', actions: ['Add', 'UpdateNodeTaint'] }),
  plugin('Picky', {
    resource: 'Node',
    actions: ['Update'],
    hint: (_pod, { current }) => (current?.metadata?.name === 'good' ? 'Queue' : 'Skip'),
  }),
  plugin('Broken', {
    resource: 'Node',
    actions: ['Delete'],
    hint: () => {
      throw new Error('a bug')
    },
  }),
  plugin('Outside', { resource: 'PersistentVolumeClaim', actions: ['All'] }),
]
const listeners = listenersOf(plugins)

const nodeAdd: ClusterEvent = { resource: 'Node', action: 'Add' }
const podGone: ClusterEvent = { resource: 'AssignedPod', action: 'Delete' }
const by = (...names: string[]): Rejectors => ({ unschedulablePlugins: new Set(names), pendingPlugins: new Set() })

describe('the SchedulingQueue', () => {
  let clock: FakeClock
  let queue: SchedulingQueue
  let incoming: string[]
  beforeEach(() => {
    clock = new FakeClock()
    incoming = []
    queue = new SchedulingQueue({
      clock,
      less: (a, b) => {
        const difference = (a.pod.spec?.priority ?? 0) - (b.pod.spec?.priority ?? 0)
        return difference === 0 ? a.timestamp < b.timestamp : difference > 0
      },
      preEnqueue: (pod) => {
        const rejection = gates.preEnqueue?.(pod)
        if (rejection !== undefined) rejection.plugin = gates.name
        return rejection
      },
      listeners: () => listeners,
      isHeard: (event) => listeners(event).length > 0,
      initialBackoffMs: 1_000,
      maxBackoffMs: 10_000,
      maxUnschedulableMs: 300_000,
      onReady: () => undefined,
      onIncoming: (where, event) => incoming.push(`${where} ${event}`),
    })
  })
  const pop = (): QueuedPod => {
    const queued = queue.pop()
    if (queued === undefined) throw new Error('nothing to pop')
    return queued
  }
  const add = (spec: Partial<NonNullable<Pod['spec']>> = {}): Pod => {
    const pod = aPod(spec)
    queue.set(pod)
    return pod
  }
  const nameOf = (queued: QueuedPod | undefined): string | undefined => queued?.pod.metadata?.name

  it('gives the more important Pod first, then the one that waits longer', async () => {
    const late = add()
    await clock.advance(1)
    const low = add()
    const high = add({ priority: 5 })
    assert.deepEqual(
      [pop(), pop(), pop()].map(nameOf),
      [high, late, low].map((pod) => pod.metadata?.name),
    )
  })

  const events: readonly [event: ClusterEvent, rejectors: string[], wakes: boolean][] = [
    [podGone, ['Fit'], true],
    [podGone, ['Taints'], false],
    [podGone, ['Taints', 'Fit'], true],
    [{ resource: 'Node', action: 'UpdateNodeTaint' }, ['Fit'], false],
    [{ resource: 'Node', action: 'UpdateNodeTaint' }, ['Taints'], true],
    [{ resource: 'Node', action: 'Delete' }, ['Broken'], true],
    [{ resource: 'Node', action: 'UpdateNodeLabel' }, ['Picky'], false],
    [{ resource: 'storage.k8s.io/CSINode', action: 'Add' }, ['Extender'], true],
  ]
  for (const [event, rejectors, wakes] of events) {
    it(`${wakes ? 'wakes' : 'does not wake'} by ${event.resource}/${event.action} a Pod that ${rejectors.join(' and ')} rejected`, () => {
      add()
      queue.failed(pop(), by(...rejectors))
      assert.equal(queue.counts().unschedulable, 1)
      queue.onEvent(event)
      assert.equal(queue.counts().unschedulable, wakes ? 0 : 1)
    })
  }

  it('asks the hint about the object', () => {
    add()
    queue.failed(pop(), by('Picky'))
    const update: ClusterEvent = { resource: 'Node', action: 'UpdateNodeLabel' }
    queue.onEvent(update, { old: undefined, current: { metadata: { name: 'bad' } } })
    assert.equal(queue.counts().unschedulable, 1)
    queue.onEvent(update, { old: undefined, current: { metadata: { name: 'good' } } })
    assert.equal(queue.counts().unschedulable, 0)
  })

  it('remembers what happened while a Pod was in flight', () => {
    add()
    const queued = pop()
    queue.onEvent(podGone)
    queue.failed(queued, by('Fit'))
    assert.deepEqual(queue.counts(), { active: 0, backoff: 1, unschedulable: 0, gated: 0 })
    add()
    const other = pop()
    queue.failed(other, by('Fit'))
    assert.equal(queue.counts().unschedulable, 1, 'older events are not its own')
  })

  it('doubles the back-off with each rejection up to ten seconds', async () => {
    const waits: number[] = []
    add()
    for (let attempt = 0; attempt < 6; attempt++) {
      const queued = pop()
      queue.failed(queued, by('Fit'))
      queue.onEvent(podGone)
      waits.push((queued.backoffUntil - clock.now()) / 1000)
      await clock.advance(10_000)
    }
    assert.deepEqual(waits, [1, 2, 4, 8, 10, 10])
  })

  it('lets errors back off, too, and counts them apart', async () => {
    add()
    queue.failed(pop(), noRejectors)
    assert.equal(queue.counts().backoff, 1)
    assert.equal(queue.pop(), undefined, 'an error waits even when nothing else is to do')
    await clock.advance(1_000)
    const queued = pop()
    queue.failed(queued, noRejectors)
    await clock.advance(1_000)
    assert.equal(queue.pop(), undefined)
    await clock.advance(1_000)
    queue.failed(pop(), by('Fit'))
    queue.onEvent(podGone)
    assert.equal(queued.backoffUntil - clock.now(), 1_000, 'its first rejection')
  })

  it('takes a Pod out of its back-off when nothing else is to do', () => {
    const waiting = add()
    queue.failed(pop(), by('Fit'))
    queue.onEvent(podGone)
    const fresh = add()
    assert.equal(nameOf(pop()), fresh.metadata?.name)
    assert.equal(nameOf(pop()), waiting.metadata?.name)
  })

  it('spares a Pod its back-off when what it waited for comes', () => {
    add()
    queue.failed(pop(), { unschedulablePlugins: new Set(['Outside']), pendingPlugins: new Set(['Outside']) })
    queue.onEvent({ resource: 'PersistentVolumeClaim', action: 'UpdateOther' })
    assert.equal(queue.counts().active, 1)
  })

  it('keeps a Pod out while it is gated, and takes it in when its gates are gone', () => {
    const pod = add({ schedulingGates: [{ name: 'example.com/wait' }] })
    assert.deepEqual(queue.counts(), { active: 0, backoff: 0, unschedulable: 0, gated: 1 })
    queue.onEvent(nodeAdd)
    assert.equal(queue.counts().gated, 1)
    queue.set({ ...pod, spec: { containers: [], ...pod.spec, schedulingGates: [] } })
    assert.equal(queue.counts().active, 1)
  })

  it('tries a Pod again after five minutes in which nothing helped', async () => {
    add()
    queue.failed(pop(), by('Fit'))
    await clock.advance(299_000)
    assert.equal(queue.counts().unschedulable, 1)
    await clock.advance(61_000)
    assert.equal(queue.counts().active, 1)
    assert.ok(incoming.includes('active UnschedulableTimeout'))
  })

  it('forgets a Pod that is deleted, wherever it is', () => {
    const [active, flying, rejected] = [add({ priority: 3 }), add({ priority: 2 }), add({ priority: 1 })]
    const [first, second, third] = [pop(), pop(), pop()]
    assert.deepEqual(
      [first, second, third].map(nameOf),
      [active, flying, rejected].map((pod) => pod.metadata?.name),
    )
    queue.failed(third, by('Fit'))
    for (const pod of [active, flying, rejected]) queue.delete(pod.metadata?.uid ?? '')
    assert.deepEqual(queue.counts(), { active: 0, backoff: 0, unschedulable: 0, gated: 0 })
    queue.onEvent(podGone)
    assert.equal(queue.pop(), undefined)
  })

  it('takes a Pod back whose binding failed', async () => {
    const pod = add()
    const queued = pop()
    queue.done(pod.metadata?.uid ?? '')
    assert.equal(queue.get(pod.metadata?.uid ?? ''), undefined)
    queue.failed(queued, noRejectors)
    await clock.advance(1_000)
    assert.equal(nameOf(pop()), pod.metadata?.name)
  })

  it('tells where Pods came from', () => {
    add()
    queue.failed(pop(), by('Fit'))
    queue.onEvent(podGone)
    assert.deepEqual(incoming, ['active PodAdd', 'unschedulable ScheduleAttemptFailure', 'backoff AssignedPodDelete'])
  })
})
