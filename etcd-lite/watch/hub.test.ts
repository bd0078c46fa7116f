import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { PutRequest } from '../../component-base/etcd/messages.ts'
import { WatchResponse } from '../../component-base/etcd/watch-messages.ts'
import { openMemoryBackend } from '../backend/memory.ts'
import { Lessor } from '../lease/lessor.ts'
import { MvccStore } from '../mvcc/store.ts'
import { WatchHub } from './hub.ts'
import { Watcher, type WatchSink } from './watcher.ts'

const put = (store: MvccStore, key: string, value: string): Promise<unknown> =>
  store.put(PutRequest.decode(PutRequest.encode({ key: Buffer.from(key), value: Buffer.from(value) })))

/** A client that takes everything at once, or nothing until it is released. */
class Client implements WatchSink {
  readonly seen: string[] = []
  bufferedBytes = 0
  #release = Promise.withResolvers<void>()

  send(parts: readonly Uint8Array[]): void {
    for (const { type, kv, prevKv } of WatchResponse.decode(Buffer.concat(parts)).events) {
      this.seen.push(
        `${type === 0 ? 'put' : 'delete'} ${kv?.key}=${kv?.value}@${kv?.modRevision} was ${prevKv?.value ?? '-'}`,
      )
    }
  }

  header(): Uint8Array {
    return new Uint8Array()
  }

  drained(): Promise<void> {
    return this.bufferedBytes === 0 ? Promise.resolve() : this.#release.promise
  }

  block(): void {
    this.bufferedBytes = 100 << 20
  }

  release(): void {
    this.bufferedBytes = 0
    this.#release.resolve()
  }
}

const setup = async () => {
  const store = await MvccStore.open({
    backend: openMemoryBackend(),
    leases: new Lessor(),
    cacheBytes: 1 << 20,
    onFailed: (err) => assert.fail(String(err)),
  })
  const compacted: number[] = []
  const synced = new Set<Watcher>()
  const hub = new WatchHub({
    store,
    onCompacted: (_, revision) => compacted.push(revision),
    onSynced: (watcher) => synced.add(watcher),
    onFailed: (_, err) => assert.fail(String(err)),
  })
  const watch = (client: Client, next: number, options: { end?: string; noPut?: boolean } = {}): Watcher => {
    const range = { type: 'range', start: 'a', end: options.end ?? 'z' } as const
    const spec = {
      id: 0n,
      range,
      prevKv: true,
      noPut: options.noPut ?? false,
      noDelete: false,
      fragment: false,
      progressNotify: false,
    }
    const watcher = new Watcher(spec, client, next)
    hub.add(watcher)
    return watcher
  }
  return { store, hub, watch, compacted, synced }
}

const until = async (condition: () => boolean): Promise<void> => {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve))
}

describe('WatchHub', () => {
  it('joins history and live changes without a gap or a duplicate', async () => {
    const { store, watch } = await setup()
    const writes: Promise<unknown>[] = []
    const client = new Client()
    for (let i = 0; i < 300; i++) {
      writes.push(put(store, 'k', String(i)))
      if (i % 10 === 0) await writes.at(-1)
      if (i === 150) watch(client, 2)
    }
    await Promise.all(writes)
    await until(() => client.seen.length >= 300)
    assert.deepEqual(
      client.seen,
      Array.from({ length: 300 }, (_, i) => `put k=${i}@${i + 2} was ${i === 0 ? '-' : i - 1}`),
    )
  })

  it('takes a slow watcher off and lets it catch up later', async () => {
    const { store, watch } = await setup()
    const client = new Client()
    const watcher = watch(client, 2)
    await put(store, 'k', '1')
    client.block()
    for (let i = 2; i < 10; i++) await put(store, 'k', String(i))
    assert.equal(client.seen.length, 1)
    assert.equal(watcher.state, 'catching up')
    client.release()
    await until(() => watcher.state === 'synced')
    await put(store, 'k', 'live')
    assert.deepEqual(
      client.seen.map((text) => text.split('@')[0]),
      [...Array.from({ length: 9 }, (_, i) => `put k=${i + 1}`), 'put k=live'],
    )
  })

  it('ends a watcher whose history was compacted away', async () => {
    const { store, watch, compacted } = await setup()
    for (let i = 0; i < 5; i++) await put(store, 'k', String(i))
    await store.compact(4, true)
    watch(new Client(), 3)
    await until(() => compacted.length > 0)
    assert.deepEqual(compacted, [4])
  })

  it('tells nobody of keys outside the range, of what is filtered, or of revisions before the first asked for', async () => {
    const { store, watch } = await setup()
    const [outside, filtered, future] = [new Client(), new Client(), new Client()]
    watch(outside, 2, { end: 'k' })
    watch(filtered, 2, { noPut: true })
    watch(future, 3)
    await put(store, 'k', '1')
    await put(store, 'k', '2')
    assert.deepEqual([outside.seen, filtered.seen], [[], []])
    assert.deepEqual(future.seen, ['put k=2@3 was 1'])
  })
})
