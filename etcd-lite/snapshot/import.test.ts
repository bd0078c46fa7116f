import assert from 'node:assert/strict'
import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { KeyValue } from '../../component-base/etcd/messages.ts'
import { openMemoryBackend } from '../backend/memory.ts'
import { hashStore } from '../mvcc/hash.ts'
import { encodeTombstone } from '../mvcc/key-value.ts'
import { encodeRevisionKey } from '../mvcc/revision-key.ts'
import { MvccStore } from '../mvcc/store.ts'
import { openBoltFile } from './bolt/reader.ts'
import { type BoltEntry, writeBoltFile } from './bolt/writer.ts'
import { type Imported, importDatabase } from './import.ts'
import { bucketName, encodeLeaseEntry, encodeMetaEntries } from './schema.ts'
import { snapshotHashKv } from './status.ts'

const put = (main: number, sub = 0, key = 'k', create = main, version = 1): BoltEntry => [
  encodeRevisionKey(main, sub),
  KeyValue.encode({
    key: Buffer.from(key),
    createRevision: create,
    modRevision: main,
    version,
    value: Buffer.from(`value ${main}`),
  }),
]
const deletion = (main: number, key = 'k'): BoltEntry => [encodeRevisionKey(main, 0, true), encodeTombstone(key, 0)]

interface Restored {
  readonly imported: Imported
  readonly store: MvccStore
  /** HashKV of the file. */
  readonly hash: number
}

/** Imports a database with these keys into a store. */
const importKeys = async (
  keys: readonly BoltEntry[],
  { scheduled = 0, finished = 0, bump = 0, leases = [] as readonly BoltEntry[] } = {},
): Promise<Restored> => {
  const dir = await mkdtemp(join(tmpdir(), 'import-'))
  const file = await open(join(dir, 'db'), 'w+')
  try {
    const meta = encodeMetaEntries({
      memberId: 1n,
      index: 9,
      term: 2,
      scheduledCompact: scheduled,
      finishedCompact: finished,
    })
    const size = await writeBoltFile(file, [
      { name: bucketName.key, entries: [keys] },
      { name: bucketName.lease, entries: [leases] },
      { name: bucketName.meta, entries: [meta] },
    ])
    const db = await openBoltFile(file, size)
    const backend = openMemoryBackend()
    const imported = await importDatabase({ db, backend, bumpRevision: bump, authOps: () => [] })
    const noLeases = { has: () => false, attach: () => {}, detach: () => {} }
    const onFailed = (err: unknown): void => assert.fail(String(err))
    const store = await MvccStore.open({ backend, leases: noLeases, cacheBytes: 1000, onFailed })
    await store.drain()
    return { imported, store, hash: (await snapshotHashKv(db, 0)).hash }
  } finally {
    await file.close()
    await rm(dir, { recursive: true, force: true })
  }
}

const liveKeys = ({ store }: Restored): string[] => {
  const keys: string[] = []
  store.index.forEachAt({ type: 'range', start: '', end: undefined }, store.revision, ({ key }) => keys.push(key))
  return keys
}

describe('a database of etcd', () => {
  it('becomes a store with its history and its hash', async () => {
    const restored = await importKeys([put(2), put(3, 0, 'a'), put(3, 1, 'b'), put(4, 0, 'k', 2, 2), deletion(5, 'a')])
    assert.deepEqual(restored.imported, { revision: 5, compacted: 0 })
    assert.deepEqual(liveKeys(restored), ['b', 'k'])
    assert.equal((await hashStore(restored.store, 0)).hash, restored.hash)
  })

  it('has what a compaction had only begun to remove removed', async () => {
    const restored = await importKeys([put(2), put(3, 0, 'k', 2, 2), deletion(4), put(5, 0, 'x')], {
      scheduled: 4,
      finished: 2,
    })
    assert.deepEqual(restored.imported, { revision: 5, compacted: 4 })
    assert.deepEqual(liveKeys(restored), ['x'])
    assert.equal((await hashStore(restored.store, 0)).hash, restored.hash)
  })

  it('whose keys are all compacted goes on at the compacted revision', async () => {
    const restored = await importKeys([], { scheduled: 7, finished: 7 })
    assert.deepEqual(restored.imported, { revision: 7, compacted: 7 })
    assert.equal(restored.store.revision, 7)
  })

  it('that etcdutl has bumped has no key without a name', async () => {
    const restored = await importKeys([put(2), [encodeRevisionKey(1002, 0), Buffer.alloc(0)]], { scheduled: 1002 })
    assert.deepEqual(restored.imported, { revision: 1002, compacted: 1002 })
    assert.deepEqual(liveKeys(restored), ['k'])
  })

  it('is refused when a revision, a part of one or a name is missing, or something stands in the wrong place', async () => {
    const cases: readonly [readonly BoltEntry[], RegExp][] = [
      [[put(2), put(4)], /revision 4.0 follows 2.0/],
      [[put(2), put(3, 1)], /revision 3.1 follows 2.0/],
      [[put(2), put(3, 0, '')], /no key/],
      [[[encodeRevisionKey(2, 0), put(3)[1]]], /holds a key of revision 3/],
      [[[Buffer.from('no revision'), Buffer.alloc(0)]], /is no revision/],
      [[[encodeRevisionKey(2, 0), Buffer.from([0x0a, 0x7f])]], /malformed/],
    ]
    for (const [keys, pattern] of cases) await assert.rejects(importKeys(keys), pattern)
    const [, lease] = encodeLeaseEntry(6n, 10)
    await assert.rejects(importKeys([], { leases: [[encodeLeaseEntry(5n, 10)[0], lease]] }), /another id/)
  })
})
