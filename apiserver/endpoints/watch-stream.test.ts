import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { setImmediate as immediate } from 'node:timers/promises'
import { createLogger } from '../../component-base/logging/logger.ts'
import { createMemoryKeyValue } from '../storage/memory-key-value.ts'
import { EventHub } from '../storage/watch-cache/event-hub.ts'
import { WatchCache } from '../storage/watch-cache/watch-cache.ts'
import type { FrameEncoder } from './watch-frames.ts'
import { type WatchStart, WatchStream } from './watch-stream.ts'
import type { WatchTransport } from './watch-transport.ts'

const root = '/registry/configmaps/'

/** Frames as words: what was sent can be compared. */
const encoder: FrameEncoder = {
  contentType: 'text/plain',
  initial: (entry) => Buffer.from(`INITIAL ${entry.key}`),
  event: ({ revision }, { type, entry }) => Buffer.from(`${type} ${entry.key} ${revision}`),
  bookmark: (revision) => Buffer.from(`BOOKMARK ${revision}`),
  error: (error) => Buffer.from(`ERROR ${error.code}`),
}

/** A client that reads when the test lets it. */
class FakeTransport implements WatchTransport {
  readonly sent: string[] = []
  closed = false
  bufferedBytes = 0
  ended: 'no' | 'in order' | 'broken off' = 'no'
  reads = Promise.withResolvers<void>()
  #isSlow = false

  whenClosed(): void {}
  send(frame: Buffer): void {
    this.sent.push(frame.toString())
  }
  sendBatch(frames: readonly Buffer[]): boolean {
    for (const frame of frames) this.send(frame)
    return !this.#isSlow
  }
  drained(): Promise<void> {
    return this.reads.promise
  }
  end(): void {
    this.closed = true
    this.ended = 'in order'
  }
  destroy(): void {
    this.closed = true
    this.ended = 'broken off'
  }
  stopReading(): void {
    this.#isSlow = true
    this.bufferedBytes = 1 << 20
    this.reads = Promise.withResolvers()
  }
  readOn(): void {
    this.#isSlow = false
    this.bufferedBytes = 0
    this.reads.resolve()
  }
}

const setUp = async (t: TestContext) => {
  const store = createMemoryKeyValue()
  const hub = new EventHub(store, '/registry', createLogger('test'))
  const stop = new AbortController()
  t.after(() => stop.abort())
  await hub.start(stop.signal)
  const cache = new WatchCache(root, store, hub)
  await cache.ready()
  /** Writes an object, and waits until the cache has it. */
  const write = async (name: string): Promise<number> => {
    const key = `${root}ns/${name}`
    const { current } = await store.get(key)
    const object = { kind: 'ConfigMap', apiVersion: 'v1', metadata: { name, namespace: 'ns', uid: 'u' } }
    const result = await store.put(key, Buffer.from(JSON.stringify(object)), current?.modRevision ?? 0)
    assert.equal(result.type, 'written')
    const revision = result.type === 'written' ? result.revision : 0
    await hub.waitFor(revision)
    return revision
  }
  const open = (start: Partial<WatchStart> = {}, { bookmarks = true, timeoutMs = 60_000 } = {}) => {
    const transport = new FakeTransport()
    const stream = new WatchStream(transport, {
      cache,
      prefix: 'ns/',
      matches: undefined,
      encoder,
      bookmarks,
      onInitialized: () => {},
      countEvent: () => {},
      onError: (error) => assert.fail(String(error)),
    })
    const done = stream.run({ revision: cache.revision, frames: [], ...start }, timeoutMs)
    t.after(() => stream.end())
    return { transport, stream, done }
  }
  return { store, hub, cache, write, open }
}

describe('a watch', () => {
  it('gives a slow client what it missed when it reads again, once and in order', async (t) => {
    const { write, open } = await setUp(t)
    const { transport } = open()
    const first = await write('a')
    transport.stopReading()
    const missed: number[] = []
    for (let index = 0; index < 500; index++) missed.push(await write('a'))
    assert.ok(transport.sent.length < 5, `${transport.sent.length} events wait for a client that does not read`)
    transport.readOn()
    for (let turn = 0; turn < 20; turn++) await immediate()
    const live = await write('b')
    const events = transport.sent.map((line) => Number(line.split(' ')[2]))
    assert.deepEqual(events, [first, ...missed, live])
  })

  it('ends in order, with nothing that it has not seen behind it, when the history passes a slow client', async (t) => {
    const { write, open, cache } = await setUp(t)
    const { transport, done } = open()
    transport.stopReading()
    const last = await write('a')
    for (let index = 0; index < 10; index++) await write('a')
    cache.trim(await write('a'), 0)
    transport.readOn()
    await done
    assert.equal(transport.ended, 'in order')
    assert.deepEqual(transport.sent, [`ADDED ns/a ${last}`])
  })

  it('ends without a bookmark when the cache has lost its history', async (t) => {
    const { write, open, cache } = await setUp(t)
    const { transport, done } = open()
    const revision = await write('a')
    cache.restart()
    await done
    assert.deepEqual(transport.sent, [`ADDED ns/a ${revision}`])
    assert.equal(transport.ended, 'in order')
    await cache.ready()
  })

  it('that begins after a version of the future has nothing of before it', async (t) => {
    const { write, open, cache } = await setUp(t)
    const { transport, stream } = open({ revision: cache.revision + 2 })
    stream.sendBookmark()
    await write('a')
    await write('b')
    const third = await write('c')
    assert.deepEqual(transport.sent, [`ADDED ns/c ${third}`])
  })

  it('writes a long state in turns, and then what happened meanwhile', async (t) => {
    const { write, open, cache } = await setUp(t)
    const frames = Array.from({ length: 1000 }, (_, index) => (index % 2 === 0 ? Buffer.from(`${index}`) : undefined))
    const { transport } = open({ revision: cache.revision, frames })
    const meanwhile = await write('a')
    assert.ok(transport.sent.length < 500)
    for (let turn = 0; turn < 20; turn++) await immediate()
    assert.equal(transport.sent.length, 501)
    assert.equal(transport.sent.at(-1), `ADDED ns/a ${meanwhile}`)
  })

  it('has a bookmark every minute and one two seconds before its end', async (t) => {
    const { write, open, hub } = await setUp(t)
    const revision = await write('other')
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const { transport, done } = open({}, { timeoutMs: 70_000 })
    await immediate()
    const bookmark = `BOOKMARK ${revision}`
    t.mock.timers.tick(59_999)
    assert.deepEqual(transport.sent, [])
    t.mock.timers.tick(1)
    assert.deepEqual(transport.sent, [bookmark])
    t.mock.timers.tick(7_999)
    assert.equal(transport.sent.length, 1)
    t.mock.timers.tick(1)
    assert.deepEqual(transport.sent, [bookmark, bookmark])
    t.mock.timers.tick(1_999)
    assert.equal(transport.ended, 'no')
    t.mock.timers.tick(1)
    await done
    assert.equal(transport.ended, 'in order')
    assert.equal(transport.sent.length, 2, 'nothing has happened since')
    assert.equal(hub.revision, revision)
  })

  it('has no bookmarks where they were not asked for', async (t) => {
    const { write, open } = await setUp(t)
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const { transport, done } = open({}, { bookmarks: false, timeoutMs: 70_000 })
    const revision = await write('a')
    t.mock.timers.tick(70_000)
    await done
    assert.deepEqual(transport.sent, [`ADDED ns/a ${revision}`])
  })
})
