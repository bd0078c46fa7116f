import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { createMetrics } from '../../component-base/metrics/metrics.ts'
import { createLogger } from '../../component-base/logging/logger.ts'
import { createKubeletMetrics } from '../metrics.ts'
import type { BoundPod } from '../pod.ts'
import { noUsage } from '../stats/disk-usage.ts'
import type { PodDisk } from '../stats/pod-disk.ts'
import type { Decision } from '../sync/pod-syncer.ts'
import { aContainer, aPod } from '../testing.ts'
import { createEvictionManager, type EvictionManager } from './eviction-manager.ts'
import { localExcess } from './local-storage.ts'
import { evictionMessage } from './message.ts'
import type { Observations } from './observations.ts'
import { mostUrgent, nextRound, noPressure } from './pressure.ts'
import { type Candidate, rank } from './rank.ts'
import { amountOf, parseThresholds, signals, type Threshold, withContainerFs } from './thresholds.ts'

const Mi = 1024 * 1024
const none = { hard: {}, soft: {}, softGracePeriod: {}, minimumReclaim: {}, enforcesAllocatable: false }

const only = (settings: Partial<typeof none>): Threshold => {
  const [threshold] = parseThresholds({ ...none, ...settings })
  assert.ok(threshold)
  return threshold
}

const memory = (available: number): Observations =>
  new Map([['memory.available', { available: available * Mi, capacity: 1000 * Mi }]])

const diskOf = (bytes: {
  readonly rootfs?: number
  readonly logs?: number
  readonly volumes?: Record<string, number>
}): PodDisk => {
  const usage = (usedBytes = 0) => ({ usedBytes, inodesUsed: usedBytes / Mi })
  const volumes = new Map(Object.entries(bytes.volumes ?? {}).map(([name, used]) => [name, usage(used)]))
  const all =
    (bytes.rootfs ?? 0) + (bytes.logs ?? 0) + Object.values(bytes.volumes ?? {}).reduce((sum, used) => sum + used, 0)
  return {
    containers: new Map([['c', { rootfs: usage(bytes.rootfs), logs: usage(bytes.logs) }]]),
    volumes,
    ephemeralStorage: usage(all),
  }
}

interface Wanted {
  readonly memoryMi?: number
  readonly requestMi?: number
  readonly priority?: number
  readonly processes?: number
  readonly disk?: PodDisk
}

const candidate = (name: string, { memoryMi = 0, requestMi, priority, processes = 0, disk }: Wanted): Candidate => ({
  pod: aPod(
    {
      containers: [
        aContainer('c', requestMi === undefined ? {} : { resources: { requests: { memory: `${requestMi}Mi` } } }),
      ],
      ...(priority === undefined ? {} : { priority }),
    },
    { name, uid: name },
  ),
  use: { containers: [{ name: 'c', memoryBytes: memoryMi * Mi }], processes, disk },
})

const namesOf = (candidates: readonly Candidate[]): string[] => candidates.map(({ pod }) => pod.metadata.name)

describe('thresholds', () => {
  it('are amounts or percentages, hard or with a grace period', () => {
    const soft = only({ soft: { 'nodefs.available': '10%' }, softGracePeriod: { 'nodefs.available': '1m30s' } })
    assert.deepEqual([soft.graceMs, amountOf(soft.value, 500)], [90_000, 50])
    assert.equal(amountOf(only({ hard: { 'memory.available': '100Mi' } }).value, 0), 100 * Mi)
    assert.deepEqual(parseThresholds({ ...none, hard: { 'nodefs.available': '0%', 'imagefs.available': '100%' } }), [])
  })

  it('of memory hold for what is allocatable, too', () => {
    const all = parseThresholds({
      ...none,
      hard: { 'memory.available': '1Gi', 'pid.available': '10' },
      enforcesAllocatable: true,
    })
    assert.deepEqual(
      all.map(({ signal }) => signal),
      ['memory.available', 'pid.available', 'allocatableMemory.available'],
    )
  })

  it('of containers are those of the file system on which they are', () => {
    const all = parseThresholds({
      ...none,
      hard: { 'nodefs.available': '10%', 'imagefs.available': '15%', 'containerfs.available': '1%' },
    })
    const containers = (hasImageFs: boolean): number[] =>
      withContainerFs(all, hasImageFs)
        .filter(({ signal }) => signal === 'containerfs.available')
        .map(({ value }) => amountOf(value, 100))
    assert.deepEqual([containers(false), containers(true)], [[10], [15]])
  })
})

describe('pressure', () => {
  const hard = only({ hard: { 'memory.available': '100Mi' } })
  const clock = (now: number) => ({ now, transitionMs: 60_000 })

  it('is there at once by a hard threshold, and stays for the transition period', () => {
    const first = nextRound(noPressure, [hard], memory(50), clock(0))
    assert.deepEqual([first.conditions, first.state.due], [['MemoryPressure'], [hard]])
    const later = nextRound(first.state, [hard], memory(500), clock(59_999))
    assert.deepEqual([later.conditions, later.state.due], [['MemoryPressure'], []])
    assert.deepEqual(nextRound(later.state, [hard], memory(500), clock(60_000)).conditions, [])
  })

  it('by a soft threshold asks for Pods after its grace period without a break', () => {
    const soft = only({ soft: { 'memory.available': '10%' }, softGracePeriod: { 'memory.available': '30s' } })
    let { state, conditions } = nextRound(noPressure, [soft], memory(50), clock(0))
    assert.deepEqual([conditions, state.due], [['MemoryPressure'], []])
    ;({ state } = nextRound(state, [soft], memory(500), clock(10_000)))
    ;({ state } = nextRound(state, [soft], memory(50), clock(20_000)))
    assert.deepEqual(nextRound(state, [soft], memory(50), clock(49_999)).state.due, [])
    assert.deepEqual(nextRound(state, [soft], memory(50), clock(50_000)).state.due, [soft])
  })

  it('goes on until the minimum reclaim is free', () => {
    const wide = only({ hard: { 'memory.available': '100Mi' }, minimumReclaim: { 'memory.available': '50Mi' } })
    assert.deepEqual(nextRound(noPressure, [wide], memory(120), clock(0)).state.due, [])
    const { state } = nextRound(noPressure, [wide], memory(90), clock(0))
    assert.deepEqual(nextRound(state, [wide], memory(120), clock(1)).state.due, [wide])
    assert.deepEqual(nextRound(state, [wide], memory(150), clock(1)).state.due, [])
  })

  it('of memory is relieved first', () => {
    const disk = only({ hard: { 'nodefs.available': '10%' } })
    assert.equal(mostUrgent([disk, hard]), hard)
    assert.equal(mostUrgent([disk]), disk)
    assert.equal(mostUrgent([]), undefined)
  })

  it('never is without a cause within the transition period', () => {
    const steps = fc.array(
      fc.record({ available: fc.integer({ min: 0, max: 300 }), after: fc.integer({ min: 1, max: 90_000 }) }),
    )
    fc.assert(
      fc.property(steps, (all) => {
        let state = noPressure
        let now = 0
        let lastMet = Number.NEGATIVE_INFINITY
        for (const { available, after } of all) {
          now += after
          if (available < 100) lastMet = now
          const round = nextRound(state, [hard], memory(available), clock(now))
          state = round.state
          assert.equal(round.conditions.length === 1, now - lastMet < 60_000)
          assert.equal(state.due.length === 1, available < 100)
        }
      }),
    )
  })
})

describe('Pods under pressure of memory go', () => {
  const order = (candidates: readonly Candidate[]): string[] => namesOf(rank(candidates, 'memory.available', false))

  it('by whether they use more than they asked for, then priority, then by how much more', () => {
    assert.deepEqual(
      order([
        candidate('within', { memoryMi: 500, requestMi: 600 }),
        candidate('high', { memoryMi: 900, requestMi: 10, priority: 100 }),
        candidate('over', { memoryMi: 200, requestMi: 100 }),
        candidate('far-over', { memoryMi: 300, requestMi: 100 }),
        candidate('asked-nothing', { memoryMi: 250 }),
        candidate('negative', { memoryMi: 1, priority: -5 }),
      ]),
      ['negative', 'asked-nothing', 'far-over', 'over', 'high', 'within'],
    )
  })

  it('first if nothing is known of them', () => {
    const unknown: Candidate = { ...candidate('unknown', {}), use: undefined }
    assert.deepEqual(order([candidate('known', { memoryMi: 900 }), unknown]), ['unknown', 'known'])
  })
})

describe('Pods under pressure of a disk go', () => {
  const layers = candidate('layers', { disk: diskOf({ rootfs: 900 * Mi, logs: 1 * Mi }) })
  const volumes = candidate('volumes', { disk: diskOf({ rootfs: 1 * Mi, volumes: { data: 500 * Mi } }) })

  it('by all they have on it', () => {
    assert.deepEqual(namesOf(rank([volumes, layers], 'nodefs.available', false)), ['layers', 'volumes'])
    assert.deepEqual(namesOf(rank([volumes, layers], 'nodefs.inodesFree', false)), ['layers', 'volumes'])
  })

  it('without their layers where those are elsewhere', () => {
    assert.deepEqual(namesOf(rank([layers, volumes], 'nodefs.available', true)), ['volumes', 'layers'])
    assert.deepEqual(namesOf(rank([volumes, layers], 'imagefs.available', true)), ['layers', 'volumes'])
    assert.deepEqual(namesOf(rank([volumes, layers], 'containerfs.available', true)), ['layers', 'volumes'])
  })
})

it('Pods under pressure of processes go by priority, then by how many they have', () => {
  const all = [
    candidate('many', { processes: 90, priority: 10 }),
    candidate('few', { processes: 2 }),
    candidate('some', { processes: 20 }),
  ]
  assert.deepEqual(namesOf(rank(all, 'pid.available', false)), ['some', 'few', 'many'])
})

it('any order of Pods leads to one in which nobody goes before one who is worse', () => {
  const pods = fc.array(fc.record({ memoryMi: fc.nat(20), requestMi: fc.nat(20), priority: fc.nat(2) }), {
    maxLength: 12,
  })
  fc.assert(
    fc.property(pods, fc.constantFrom(...signals), (all, signal) => {
      const ranked = rank(
        all.map((wanted, index) =>
          candidate(String(index), { ...wanted, processes: wanted.memoryMi, disk: diskOf({ logs: wanted.memoryMi }) }),
        ),
        signal,
        false,
      )
      assert.equal(ranked.length, all.length)
      if (signal !== 'memory.available') return
      const keys = ranked.map(({ pod }) => all[Number(pod.metadata.name)]).filter((key) => key !== undefined)
      for (const [index, next] of keys.slice(1).entries()) {
        const before = keys[index]
        assert.ok(before)
        const exceeds = ({ memoryMi, requestMi }: typeof next): boolean => memoryMi > requestMi
        assert.ok(exceeds(before) || !exceeds(next))
        if (exceeds(before) === exceeds(next)) assert.ok(before.priority <= next.priority)
      }
    }),
  )
})

describe('the message of an eviction', () => {
  const due = parseThresholds({ ...none, hard: { 'memory.available': '100Mi', 'nodefs.available': '10%' } })

  it('names the resource, what is left of it and who used more than he asked for', () => {
    const message = evictionMessage(candidate('hog', { memoryMi: 300, requestMi: 100 }), 'memory', {
      due,
      observations: memory(50),
    })
    assert.equal(
      message,
      'The node was low on resource: memory. Threshold quantity: 100Mi, available: 50Mi. Container c was using 300Mi, request is 100Mi, has larger consumption of memory. ',
    )
  })

  it('is about layers and logs where a disk is full', () => {
    const observations: Observations = new Map([['nodefs.available', { available: 5 * Mi, capacity: 100 * Mi }]])
    assert.equal(
      evictionMessage(candidate('writer', { disk: diskOf({ rootfs: 3 * Mi, logs: 2 * Mi }) }), 'ephemeral-storage', {
        due,
        observations,
      }),
      'The node was low on resource: ephemeral-storage. Threshold quantity: 10Mi, available: 5Mi. Container c was using 5Mi, request is 0, has larger consumption of ephemeral-storage. ',
    )
  })

  it('says no more than it knows', () => {
    const unknown = { pod: aPod(), use: undefined }
    assert.equal(
      evictionMessage(unknown, 'pids', { due, observations: new Map() }),
      'The node was low on resource: pids. ',
    )
  })
})

describe('a local limit', () => {
  const limited = (limit: string, sizeLimit?: string): BoundPod =>
    aPod({
      containers: [aContainer('c', { resources: { limits: { 'ephemeral-storage': limit } } }), aContainer('d')],
      volumes: [{ name: 'data', emptyDir: sizeLimit === undefined ? {} : { sizeLimit } }],
    })

  it('of a volume is the volume’s alone', () => {
    assert.deepEqual(localExcess(limited('1Gi', '10Mi'), diskOf({ volumes: { data: 11 * Mi } }), false), {
      limit: 'emptydirfs.limit',
      message: 'Usage of EmptyDir volume "data" exceeds the limit "10Mi". ',
    })
    assert.equal(localExcess(limited('1Gi', '10Mi'), diskOf({ volumes: { data: 10 * Mi } }), false), undefined)
  })

  it('of containers is the limit of all that the Pod has', () => {
    assert.deepEqual(localExcess(limited('10Mi'), diskOf({ rootfs: 6 * Mi, volumes: { data: 5 * Mi } }), false), {
      limit: 'ephemeralpodfs.limit',
      message: 'Pod ephemeral local storage usage exceeds the total limit of containers 10Mi. ',
    })
  })

  it('of a container is that of its layer and its logs', () => {
    const pod = limited('10Mi')
    const disk = { ...diskOf({ rootfs: 8 * Mi, logs: 3 * Mi }), ephemeralStorage: noUsage }
    assert.equal(
      localExcess(pod, disk, false)?.message,
      'Container c exceeded its local ephemeral storage limit "10Mi". ',
    )
    assert.equal(localExcess(pod, disk, true), undefined)
  })
})

describe('the eviction manager', () => {
  interface World {
    readonly manager: EvictionManager
    readonly evicted: { uid: string; decided: Decision; grace: number }[]
    readonly events: string[]
    available: number
    reclaimed: number
    now: number
  }

  const worldOf = (
    candidates: readonly Candidate[],
    thresholds: readonly Threshold[],
    reclaims = (_world: World): void => undefined,
  ): World => {
    const evicted: World['evicted'] = []
    const events: string[] = []
    const gone = (pod: BoundPod): boolean => evicted.some(({ uid }) => uid === pod.metadata.uid)
    const manager = createEvictionManager({
      thresholds,
      pressureTransitionMs: 60_000,
      maxPodGraceSeconds: 7,
      localStorageIsolation: true,
      usage: {
        hasImageFs: async () => false,
        observations: async () =>
          new Map([
            ['memory.available', { available: world.available * Mi, capacity: 1000 * Mi }],
            ['nodefs.available', { available: world.available * Mi, capacity: 1000 * Mi }],
          ]),
        candidates: async (pods) => candidates.filter(({ pod }) => pods.includes(pod)),
      },
      runningPods: () => candidates.map(({ pod }) => pod).filter((pod) => !gone(pod)),
      evict: (uid, decided, grace) => void evicted.push({ uid, decided, grace }),
      isStopped: () => true,
      reclaimDisk: async () => {
        world.reclaimed++
        reclaims(world)
      },
      node: () => undefined,
      nodeName: 'node-1',
      recorder: { event: (object, _type, reason) => void events.push(`${object.metadata?.name} ${reason}`) },
      evictions: createKubeletMetrics(createMetrics('kubelet'), {
        pods: () => 0,
        containers: () => 0,
        nodeName: 'node-1',
      }).evictions,
      onConditionsChanged: () => void events.push(`conditions ${manager.conditions().join(',')}`),
      now: () => world.now,
      log: createLogger('kubelet', -1),
    })
    const world: World = { manager, evicted, events, available: 50, reclaimed: 0, now: 0 }
    return world
  }
  const hard = parseThresholds({ ...none, hard: { 'memory.available': '100Mi' } })

  it('ends one Pod at a time, the worst first, and never a critical one', async () => {
    const static_ = candidate('static', { memoryMi: 900 })
    static_.pod.metadata.annotations = { 'kubernetes.io/config.source': 'file' }
    const world = worldOf(
      [
        candidate('small', { memoryMi: 1 }),
        candidate('big', { memoryMi: 200 }),
        candidate('critical', { memoryMi: 900, priority: 2_000_000_000 }),
        static_,
      ],
      hard,
    )
    for (const name of ['big', 'small'])
      assert.deepEqual(
        (await world.manager.synchronize()).map(({ metadata }) => metadata.name),
        [name],
      )
    assert.deepEqual(await world.manager.synchronize(), [])
    assert.deepEqual(
      world.evicted.map(({ uid, grace, decided }) => [
        uid,
        grace,
        decided.reason,
        decided.disruption === decided.message,
      ]),
      [
        ['big', 1, 'Evicted', true],
        ['small', 1, 'Evicted', true],
      ],
    )
    assert.deepEqual(world.events.slice(0, 3), [
      'conditions MemoryPressure',
      'node-1 EvictionThresholdMet',
      'big Evicted',
    ])
    assert.equal(world.reclaimed, 0)
  })

  it('gives Pods as long as it may where the threshold is soft', async () => {
    const soft = parseThresholds({
      ...none,
      soft: { 'memory.available': '100Mi' },
      softGracePeriod: { 'memory.available': '30s' },
    })
    const world = worldOf([candidate('a', { memoryMi: 1 })], soft)
    assert.deepEqual(await world.manager.synchronize(), [])
    assert.deepEqual(world.manager.conditions(), ['MemoryPressure'])
    world.now = 30_000
    assert.equal((await world.manager.synchronize()).length, 1)
    assert.equal(world.evicted[0]?.grace, 7)
  })

  it('leaves Pods alone where the disk could be cleaned up', async () => {
    const disk = parseThresholds({ ...none, hard: { 'nodefs.available': '100Mi' } })
    const writer = candidate('writer', { disk: diskOf({ rootfs: 5 * Mi }) })
    const clean = worldOf([writer], disk, (world) => void (world.available = 500))
    assert.deepEqual([await clean.manager.synchronize(), clean.reclaimed], [[], 1])
    const full = worldOf([writer], disk)
    assert.equal((await full.manager.synchronize()).length, 1)
  })

  it('ends all Pods that exceed limits of their own, without a disruption', async () => {
    const over = (name: string, used: number): Candidate => ({
      pod: aPod({ volumes: [{ name: 'data', emptyDir: { sizeLimit: '10Mi' } }] }, { name, uid: name }),
      use: { containers: [], processes: 0, disk: diskOf({ volumes: { data: used * Mi } }) },
    })
    const world = worldOf([over('a', 20), over('b', 5), over('c', 11)], [])
    assert.equal((await world.manager.synchronize()).length, 2)
    assert.deepEqual(
      world.evicted.map(({ uid, decided }) => [uid, decided.disruption]),
      [
        ['a', undefined],
        ['c', undefined],
      ],
    )
  })
})
