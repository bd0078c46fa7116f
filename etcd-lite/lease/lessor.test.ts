import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { PutRequest } from '../../component-base/etcd/messages.ts'
import { openMemoryBackend } from '../backend/memory.ts'
import { MvccStore } from '../mvcc/store.ts'
import { Lessor, type MonotonicClock } from './lessor.ts'

/** Time that stands still until it is moved. */
class ManualClock implements MonotonicClock {
  #now = 0
  #timers = new Map<object, { at: number; callback: () => void }>()

  now(): number {
    return this.#now
  }

  setTimeout(callback: () => void, ms: number): NodeJS.Timeout {
    const handle = setTimeout(() => {}, 0)
    clearTimeout(handle)
    this.#timers.set(handle, { at: this.#now + ms, callback })
    return handle
  }

  clearTimeout(timer: NodeJS.Timeout | undefined): void {
    if (timer !== undefined) this.#timers.delete(timer)
  }

  advance(ms: number): void {
    this.#now += ms
    for (const [handle, { at, callback }] of new Map(this.#timers)) {
      if (at > this.#now) continue
      this.#timers.delete(handle)
      callback()
    }
  }
}

const setup = async (backend = openMemoryBackend(), frozen = () => false) => {
  const clock = new ManualClock()
  const lessor = new Lessor(clock)
  await lessor.restore(backend)
  const store = await MvccStore.open({ backend, leases: lessor, cacheBytes: 1000, onFailed: () => assert.fail() })
  lessor.start(store, { frozen })
  const put = (key: string, lease: bigint): Promise<unknown> =>
    store.put(PutRequest.decode(PutRequest.encode({ key: Buffer.from(key), value: Buffer.from('v'), lease })))
  return { backend, clock, lessor, store, put }
}
const exists = (store: MvccStore, key: string): boolean => store.index.get(key)?.at(store.revision) !== undefined

describe('Lessor', () => {
  it('deletes the keys of a lease that runs out, in one revision', async () => {
    const { clock, lessor, store, put } = await setup()
    const { id } = await lessor.grant(0n, 10)
    await put('a', id)
    await put('b', id)
    await put('c', 0n)
    clock.advance(9_000)
    await store.drain()
    assert.ok(exists(store, 'a'))
    clock.advance(1_500)
    await store.drain()
    assert.deepEqual(
      ['a', 'b', 'c'].map((key) => exists(store, key)),
      [false, false, true],
    )
    assert.equal(store.revision, 5)
    assert.equal(lessor.has(id), false)
  })

  it('keeps what has run out as long as nothing may be written', async () => {
    let frozen = true
    const { clock, lessor, store, put } = await setup(openMemoryBackend(), () => frozen)
    const { id } = await lessor.grant(0n, 10)
    await put('a', id)
    clock.advance(20_000)
    clock.advance(20_000)
    await store.drain()
    assert.ok(exists(store, 'a') && lessor.has(id))
    frozen = false
    clock.advance(1_000)
    await store.drain()
    assert.ok(!exists(store, 'a') && !lessor.has(id))
  })

  it('keeps a lease alive, and lets go of keys that were put anew without it', async () => {
    const { clock, lessor, store, put } = await setup()
    const { id } = await lessor.grant(7n, 10)
    await put('a', id)
    await put('b', id)
    await put('b', 0n)
    clock.advance(8_000)
    assert.equal(lessor.keepAlive(id), 10)
    clock.advance(8_000)
    await store.drain()
    assert.ok(exists(store, 'a'))
    assert.equal(lessor.timeToLive(id)?.remaining, 2)
    clock.advance(3_000)
    await store.drain()
    assert.deepEqual(
      ['a', 'b'].map((key) => exists(store, key)),
      [false, true],
    )
    assert.equal(lessor.keepAlive(id), 0)
  })

  it('knows leases and their keys after a restart', async () => {
    const first = await setup()
    await first.lessor.grant(7n, 10)
    await first.put('a', 7n)
    const second = await setup(first.backend)
    assert.deepEqual(second.lessor.timeToLive(7n)?.keys.map(String), ['a'])
    second.clock.advance(10_100)
    await second.store.drain()
    assert.equal(exists(second.store, 'a'), false)
    assert.equal((await setup(first.backend)).lessor.has(7n), false)
  })

  it('refuses a lease twice and one that does not exist', async () => {
    const { lessor, put } = await setup()
    await lessor.grant(7n, 10)
    await assert.rejects(lessor.grant(7n, 10), /lease already exists/)
    await assert.rejects(lessor.revoke(8n), /requested lease not found/)
    await assert.rejects(put('a', 8n), /requested lease not found/)
  })
})
