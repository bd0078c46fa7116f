import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createMemoryKeyValue } from '../../storage/memory-key-value.ts'
import { Registry } from '../../../component-base/metrics/prometheus.ts'
import type { KeyValueStore } from '../../storage/key-value.ts'
import { createServiceMetrics } from './metrics.ts'
import { dynamicStart, NodePortAllocator } from './node-port-allocator.ts'
import type { PortRange } from './port-bitmap.ts'

const allocatorOf = (range: PortRange, store: KeyValueStore, registry = new Registry()): NodePortAllocator =>
  new NodePortAllocator(range, store, '/registry', createServiceMetrics(registry))

describe('node ports', () => {
  it('are given once, given back, and remembered by the next server', async () => {
    const store = createMemoryKeyValue()
    const first = allocatorOf({ first: 30000, last: 30003 }, store)
    assert.deepEqual(await first.allocate(30001), { type: 'allocated', port: 30001 })
    const second = allocatorOf({ first: 30000, last: 30003 }, store)
    assert.deepEqual(await second.allocate(30001), { type: 'taken' })
    assert.equal(await second.has(30001), true)
    assert.deepEqual(await second.allocate(29999), { type: 'out-of-range' })
    const rest = await Promise.all([first.allocateNext(), second.allocateNext(), first.allocateNext()])
    assert.deepEqual(
      rest.map((result) => (result.type === 'allocated' ? result.port : 0)).toSorted((a, b) => a - b),
      [30000, 30002, 30003],
    )
    assert.deepEqual(await first.allocateNext(), { type: 'full' })
    await second.release([30002])
    assert.deepEqual(await first.allocateNext(), { type: 'allocated', port: 30002 })
  })

  it('are written together when many are asked for at once', async () => {
    const store = createMemoryKeyValue()
    const ports = allocatorOf({ first: 30000, last: 30999 }, store)
    const before = await store.currentRevision()
    const all = await Promise.all([
      ...Array.from({ length: 200 }, () => ports.allocateNext()),
      ...Array.from({ length: 2 }, () => ports.allocate(30500)),
    ])
    const given = all.flatMap((result) => (result.type === 'allocated' ? [result.port] : []))
    assert.equal(new Set(given).size, given.length)
    assert.ok(given.length >= 200)
    assert.equal((await store.currentRevision()) - before, 2)
  })

  it('fail together when the store does, and go on after it', async () => {
    const store = createMemoryKeyValue()
    let broken = true
    const failing = {
      ...store,
      put: async (...args: Parameters<typeof store.put>) => {
        if (broken) throw new Error('no store')
        return store.put(...args)
      },
    }
    const ports = allocatorOf({ first: 30000, last: 30999 }, failing)
    const results = await Promise.allSettled([ports.allocate(30001), ports.allocate(30002)])
    assert.deepEqual(
      results.map(({ status }) => status),
      ['rejected', 'rejected'],
    )
    broken = false
    assert.deepEqual(await ports.allocate(30001), { type: 'allocated', port: 30001 })
  })

  it('are rebuilt from what is there when the rebuilding is written', async () => {
    const store = createMemoryKeyValue()
    const ports = allocatorOf({ first: 30000, last: 30099 }, store)
    await ports.allocate(30001)
    const seen: number[][] = []
    await ports.rebuild(async (used) => {
      seen.push([...used])
      // Somebody takes a port meanwhile: the first answer was made without it.
      if (seen.length === 1) await ports.allocate(30050)
      return new Set([...used, 30002])
    })
    assert.deepEqual(seen, [[30001], [30001, 30050]])
    for (const port of [30001, 30002, 30050]) assert.equal(await ports.has(port), true, String(port))
  })

  it('stay taken when the range grows', async () => {
    const store = createMemoryKeyValue()
    await allocatorOf({ first: 30000, last: 30010 }, store).allocate(30005)
    const wider = allocatorOf({ first: 29000, last: 31000 }, store)
    assert.deepEqual(await wider.allocate(30005), { type: 'taken' })
    assert.deepEqual(await wider.allocate(29000), { type: 'allocated', port: 29000 })
    assert.equal(await wider.has(30005), true)
  })

  it('are counted', async () => {
    const registry = new Registry()
    const ports = allocatorOf({ first: 30000, last: 30001 }, createMemoryKeyValue(), registry)
    await Promise.all([ports.allocate(30000), ports.allocateNext(), ports.allocate(1)])
    await ports.allocateNext()
    await ports.release([30000])
    const lines = (await registry.metrics()).split('\n').filter((line) => line.startsWith('kube_apiserver_nodeport'))
    assert.deepEqual(lines, [
      'kube_apiserver_nodeport_allocator_allocated_ports 1',
      'kube_apiserver_nodeport_allocator_available_ports 1',
      'kube_apiserver_nodeport_allocator_allocation_total{scope="static"} 1',
      'kube_apiserver_nodeport_allocator_allocation_total{scope="dynamic"} 1',
      'kube_apiserver_nodeport_allocator_allocation_errors_total{scope="static"} 1',
      'kube_apiserver_nodeport_allocator_allocation_errors_total{scope="dynamic"} 1',
    ])
  })

  const bands: readonly (readonly [number, number])[] = [
    [16, 30000],
    [17, 30016],
    [1024, 30032],
    [2768, 30086],
    [10_000, 30128],
  ]
  for (const [size, start] of bands) {
    it(`of ${size} are the server's from ${start} on`, () =>
      assert.equal(dynamicStart({ first: 30000, last: 30000 + size - 1 }), start))
  }
})
