import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  DeleteRangeRequest,
  KeyValue,
  PutRequest,
  RangeRequest,
  type RangeRequestInit,
  TxnRequest,
  type TxnRequestInit,
} from '../../component-base/etcd/messages.ts'
import type { Backend } from '../backend/backend.ts'
import { openMemoryBackend } from '../backend/memory.ts'
import { Lessor } from '../lease/lessor.ts'
import { indexKey, valueKey } from './records.ts'
import { MvccStore } from './store.ts'

const bytes = (text: string): Buffer => Buffer.from(text)
const noFailure = (err: unknown): never => {
  throw err
}
const openStore = (backend: Backend, cacheBytes = 1 << 20): Promise<MvccStore> =>
  MvccStore.open({ backend, leases: new Lessor(), cacheBytes, onFailed: noFailure })

const put = (store: MvccStore, key: string, value: string): Promise<unknown> =>
  store.put(PutRequest.decode(PutRequest.encode({ key: bytes(key), value: bytes(value) })))
const remove = (store: MvccStore, key: string): Promise<unknown> =>
  store.deleteRange(DeleteRangeRequest.decode(DeleteRangeRequest.encode({ key: bytes(key) })))
const txn = (store: MvccStore, request: TxnRequestInit): ReturnType<MvccStore['txn']> =>
  store.txn(TxnRequest.decode(TxnRequest.encode(request)))

const read = async (store: MvccStore, request: RangeRequestInit): Promise<string[]> => {
  const { response } = await store.range(RangeRequest.decode(RangeRequest.encode(request)))
  return response.kvs.map((kv) => {
    const { key, value, modRevision, version } = KeyValue.decode(kv)
    return `${key}=${value}@${modRevision}v${version}`
  })
}
const everything = { key: Buffer.from([0]), rangeEnd: Buffer.from([0]) }

describe('MvccStore', () => {
  it('reads every revision as it was', async () => {
    const store = await openStore(openMemoryBackend())
    await put(store, 'a', '1')
    await put(store, 'a', '2')
    await remove(store, 'a')
    await put(store, 'a', '3')
    assert.deepEqual(await read(store, { ...everything, revision: 2 }), ['a=1@2v1'])
    assert.deepEqual(await read(store, { ...everything, revision: 3 }), ['a=2@3v2'])
    assert.deepEqual(await read(store, { ...everything, revision: 4 }), [])
    assert.deepEqual(await read(store, everything), ['a=3@5v1'])
    await assert.rejects(read(store, { ...everything, revision: 6 }), /future revision/)
  })

  it('is seen by reads only when it is on the disk', async () => {
    const store = await openStore(openMemoryBackend())
    await put(store, 'a', '1')
    const writing = put(store, 'a', '2')
    assert.deepEqual(await read(store, everything), ['a=1@2v1'])
    assert.equal(store.revision, 2)
    await writing
    assert.deepEqual(await read(store, everything), ['a=2@3v2'])
  })

  it('lets one of two conditional writes that race win', async () => {
    const store = await openStore(openMemoryBackend())
    const create = (value: string): ReturnType<MvccStore['txn']> =>
      txn(store, {
        compare: [{ key: bytes('a'), target: 2, modRevision: 0 }],
        success: [{ requestPut: { key: bytes('a'), value: bytes(value) } }],
      })
    const answers = await Promise.all([create('1'), create('2')])
    assert.deepEqual(
      answers.map(({ response }) => response.succeeded),
      [true, false],
    )
    assert.deepEqual(await read(store, everything), ['a=1@2v1'])
  })

  it('changes nothing when a part of a transaction is refused', async () => {
    const store = await openStore(openMemoryBackend())
    const refused = txn(store, {
      success: [
        { requestPut: { key: bytes('a'), value: bytes('1') } },
        { requestPut: { key: bytes('b'), ignoreValue: true } },
      ],
    })
    await assert.rejects(refused, /key not found/)
    assert.deepEqual(await read(store, everything), [])
    assert.equal(store.revision, 1)
  })

  it('refuses to keep the value of a key that the same transaction has deleted, and changes nothing', async () => {
    const store = await openStore(openMemoryBackend())
    await put(store, 'b', '1')
    const requestDeleteRange = { key: bytes('a'), rangeEnd: Buffer.from([0]) }
    const requestPut = { key: bytes('b'), ignoreValue: true }
    await assert.rejects(txn(store, { success: [{ requestDeleteRange }, { requestPut }] }), /key not found/)
    await assert.rejects(
      txn(store, { success: [{ requestDeleteRange }, { requestTxn: { success: [{ requestPut }] } }] }),
      /key not found/,
    )
    assert.deepEqual(await read(store, everything), ['b=1@2v1'])
    await txn(store, { success: [{ requestPut }, { requestDeleteRange }] })
    assert.deepEqual(await read(store, everything), [])
  })

  it('gives up history, and the space of it, at a compaction', async () => {
    const backend = openMemoryBackend()
    const store = await openStore(backend)
    await put(store, 'a', '1')
    await put(store, 'a', '2')
    await put(store, 'b', '1')
    await remove(store, 'b')
    await put(store, 'c', '1')
    await store.compact(6, true)
    await assert.rejects(read(store, { ...everything, revision: 5 }), /has been compacted/)
    await assert.rejects(store.compact(6, true), /has been compacted/)
    assert.deepEqual(await read(store, { ...everything, revision: 6 }), ['a=2@3v2', 'c=1@6v1'])
    assert.equal(backend.getSync(valueKey(2, 0)), undefined)
    assert.equal(backend.getSync(indexKey(5, 0)), undefined, 'the tombstone of b')
    assert.equal(store.keyCount, 2)
  })

  it('comes back from the backend as it was', async () => {
    const backend = openMemoryBackend()
    const before = await openStore(backend)
    await put(before, 'a', '1')
    await put(before, 'b', '1')
    await put(before, 'a', '2')
    await remove(before, 'b')
    await before.compact(3, true)
    const after = await openStore(backend)
    assert.equal(after.revision, 5)
    assert.equal(after.compactedRevision, 3)
    assert.deepEqual(await read(after, everything), ['a=2@4v2'])
    assert.deepEqual(await read(after, { ...everything, revision: 3 }), ['a=1@2v1', 'b=1@3v1'])
    await after.compact(5, true)
    assert.deepEqual(await read(await openStore(backend), everything), ['a=2@4v2'])
  })

  it('keeps its revision when a compaction leaves no key', async () => {
    const backend = openMemoryBackend()
    const store = await openStore(backend)
    await put(store, 'a', '1')
    await remove(store, 'a')
    await store.compact(3, true)
    assert.equal((await openStore(backend)).revision, 3)
  })

  it('refuses to serve when a revision is missing or a record is damaged', async () => {
    const backend = openMemoryBackend()
    const store = await openStore(backend)
    for (const value of ['1', '2', '3']) await put(store, 'a', value)
    const record = backend.getSync(indexKey(3, 0))
    assert.ok(record)
    await backend.commit([{ type: 'del', key: indexKey(3, 0) }], { sync: true })
    await assert.rejects(openStore(backend), /corrupt/)
    const damaged = Buffer.from(record)
    damaged[damaged.length - 1] = 0x7a
    await backend.commit([{ type: 'put', key: indexKey(3, 0), value: damaged }], { sync: true })
    await assert.rejects(openStore(backend), /corrupt/)
  })

  it('answers from the disk what the cache has no room for', async () => {
    const store = await openStore(openMemoryBackend(), 1000)
    for (let i = 0; i < 20; i++) await put(store, `k${String(i).padStart(2, '0')}`, 'x'.repeat(100))
    const found = await read(store, everything)
    assert.equal(found.length, 20)
    assert.ok(found.every((text) => text.includes('x'.repeat(100))))
  })
})
