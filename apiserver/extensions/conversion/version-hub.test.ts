import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setImmediate as immediate } from 'node:timers/promises'
import { createLogger } from '../../../component-base/logging/logger.ts'
import type { StoreEvent } from '../../storage/key-value.ts'
import type { EventSource, HubSubscriber } from '../../storage/watch-cache/event-hub.ts'
import { HistoryBudget } from '../../storage/watch-cache/history-budget.ts'
import type { VersionCodec } from './version-codec.ts'
import { VersionHub } from './version-hub.ts'
import { ConversionMemory, versionStore } from './version-store.ts'
import { createMemoryKeyValue } from '../../storage/memory-key-value.ts'

/** A hub whose events the test sends. */
class FakeHub implements EventSource {
  readonly history = new HistoryBudget()
  revision = 0
  subscriber: HubSubscriber | undefined
  add(subscriber: HubSubscriber): void {
    this.subscriber = subscriber
  }
  remove(): void {
    this.subscriber = undefined
  }
  async waitFor(): Promise<void> {}
  put(key: string, value: string): void {
    const revision = this.revision + 1
    this.subscriber?.apply({ type: 'put', key: `/r/${key}`, value: Buffer.from(value), revision })
    this.revision = revision
  }
  delete(key: string): void {
    this.subscriber?.apply({ type: 'delete', key: `/r/${key}`, revision: this.revision + 1 })
    this.revision++
  }
}

/** Converts to upper case; what begins with `slow` waits until the test lets it. */
const codecOf = (gate: { promise: Promise<void> }, calls: string[][] = []): VersionCodec => ({
  show: (values) => {
    const texts = values.map(String)
    calls.push(texts)
    const shown = texts.map((text) => Buffer.from(text.toUpperCase()))
    return texts.some((text) => text.startsWith('slow')) ? gate.promise.then(() => shown) : shown
  },
  store: (value) => Buffer.from(String(value).toLowerCase()),
  isStoredForm: () => true,
})

const collect = (): { subscriber: HubSubscriber; seen: string[]; restarts: () => number } => {
  const seen: string[] = []
  let restarts = 0
  const apply = (event: StoreEvent): void =>
    void seen.push(event.type === 'put' ? `${event.key} ${String(event.value)}` : `${event.key} deleted`)
  return { seen, restarts: () => restarts, subscriber: { prefix: '/r/', apply, restart: () => void restarts++ } }
}

const log = createLogger('test')

describe('the events of a version', () => {
  it('pass at once where nothing waits, and in order behind what does', async () => {
    const gate = Promise.withResolvers<void>()
    const hub = new FakeHub()
    const version = new VersionHub(hub, new ConversionMemory(codecOf(gate)), log)
    const { subscriber, seen } = collect()
    version.add(subscriber)
    hub.put('a', 'one')
    assert.deepEqual([seen, version.revision], [['/r/a ONE'], 1])
    hub.put('a', 'slow')
    hub.put('b', 'two')
    hub.delete('a')
    await immediate()
    // Nobody may believe that he has seen what still waits.
    assert.deepEqual([seen.length, version.revision], [1, 1])
    const caughtUp = version.waitFor(4)
    gate.resolve()
    await caughtUp
    assert.deepEqual(seen.slice(1), ['/r/a SLOW', '/r/b TWO', '/r/a deleted'])
    assert.equal(version.revision, 4)
  })

  it('begin anew after a conversion that fails', async () => {
    const gate = Promise.withResolvers<void>()
    const hub = new FakeHub()
    const version = new VersionHub(hub, new ConversionMemory(codecOf(gate)), log)
    const { subscriber, seen, restarts } = collect()
    version.add(subscriber)
    hub.put('a', 'slow')
    hub.put('b', 'two')
    gate.reject(new Error('the webhook is away'))
    await immediate()
    assert.deepEqual([seen, restarts()], [[], 1])
    // What was queued is void: whoever starts over reads it from the store.
    hub.put('c', 'three')
    assert.deepEqual(seen, ['/r/c THREE'])
  })
})

describe('the store of a version', () => {
  it('converts a page in one call, and a write, its answer and its event once', async () => {
    const calls: string[][] = []
    const memory = new ConversionMemory(codecOf({ promise: Promise.resolve() }, calls))
    const plain = createMemoryKeyValue()
    const store = versionStore(plain, codecOf({ promise: Promise.resolve() }), memory)
    await plain.put('/r/a', Buffer.from('slow a'), 0)
    await plain.put('/r/b', Buffer.from('slow b'), 0)
    const { items } = await store.list({ start: '/r/', end: '/r0' })
    assert.deepEqual(
      items.map(({ value }) => String(value)),
      ['SLOW A', 'SLOW B'],
    )
    assert.deepEqual(calls, [['slow a', 'slow b']])
    await store.put('/r/c', Buffer.from('SLOW C'), 0)
    const { current } = await store.get('/r/c')
    assert.equal(String(current?.value), 'SLOW C')
    assert.equal(calls.length, 2)
  })
})
