/**
 * HashKV: a CRC-32C over every version up to a revision, record by record as etcd hashes them (revision key and
 * encoded KeyValue, deletions marked by a `t`), so that equal histories have equal hashes, on etcd as well.
 */
import { encodeTombstone } from './key-value.ts'
import type { Hit } from './range.ts'
import { revisionToRead } from './range.ts'
import type { MvccStore } from './store.ts'

const polynomial = 0x82f63b78
const table = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n
  for (let k = 0; k < 8; k++) c = c & 1 ? polynomial ^ (c >>> 1) : c >>> 1
  return c >>> 0
})

/** CRC-32C (Castagnoli); zlib has only the other polynomial. */
export const crc32c = (bytes: Uint8Array, seed = 0): number => {
  let c = ~seed >>> 0
  for (const byte of bytes) c = (table[(c ^ byte) & 0xff] ?? 0) ^ (c >>> 8)
  return ~c >>> 0
}

const chunkHits = 500
const underscore = 0x5f
const tombstoneMark = 0x74

const revisionKey = (main: number, sub: number, deleted: boolean): Buffer => {
  const key = Buffer.alloc(deleted ? 18 : 17)
  key.writeBigUInt64BE(BigInt(main), 0)
  key[8] = underscore
  key.writeBigUInt64BE(BigInt(sub), 9)
  if (deleted) key[17] = tombstoneMark
  return key
}

/**
 * The versions that etcd hashes: all after the compacted revision, and before it those that a compaction at `revision`
 * would keep (so that it does not matter whether the last one has finished).
 */
const collect = (store: MvccStore, revision: number, compacted: number): Hit[] => {
  const hits: Hit[] = []
  store.index.forEachEntry({ type: 'range', start: '', end: undefined }, (entry) => {
    const keep = entry.at(revision)
    for (const version of [...entry.older, entry.head]) {
      if (version.main <= revision && (version.main > compacted || version === keep)) hits.push({ entry, version })
    }
  })
  return hits.sort((a, b) => a.version.main - b.version.main || a.version.sub - b.version.sub)
}

/** Throws etcd's errors for a revision that cannot be read; 0 is the newest. */
export const hashStore = async (
  store: MvccStore,
  asked: number,
): Promise<{ readonly hash: number; readonly compactRevision: number }> => {
  const compacted = store.compactedRevision
  const revision = revisionToRead(asked, { current: store.revision, compacted })
  const hits = collect(store, revision, compacted)
  let hash = crc32c(Buffer.from('key'))
  for (let start = 0; start < hits.length; start += chunkHits) {
    const chunk = hits.slice(start, start + chunkHits)
    const loaded = await store.load(chunk.filter(({ version }) => !version.deleted))
    let next = 0
    for (const { entry, version } of chunk) {
      const bytes = version.deleted ? encodeTombstone(entry.key, 0) : loaded[next++]
      hash = crc32c(revisionKey(version.main, version.sub, version.deleted), hash)
      if (bytes !== undefined) hash = crc32c(bytes, hash)
    }
  }
  return { hash, compactRevision: compacted === 0 ? -1 : compacted }
}
