/**
 * HashKV: a CRC-32C over every version up to a revision, record by record as etcd hashes them (revision key and
 * encoded KeyValue, deletions marked by a `t`), so that equal histories have equal hashes, on etcd as well.
 */
import { encodeTombstone } from './key-value.ts'
import type { Hit } from './range.ts'
import { revisionToRead } from './range.ts'
import { encodeRevisionKey } from './revision-key.ts'
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

/** The hash over entries of etcd's `key` bucket, in their order. */
export class KeyHasher {
  #hash = crc32c(Buffer.from('key'))

  get hash(): number {
    return this.#hash
  }

  add(key: Uint8Array, value: Uint8Array): void {
    this.#hash = crc32c(value, crc32c(key, this.#hash))
  }
}

const chunkHits = 500
/**
 * The versions that etcd hashes: all after the compacted revision, and before it those that a compaction at `revision`
 * would keep (so that it does not matter whether the last one has finished). If that would keep nothing at all, etcd
 * hashes what is there: what the last compaction kept.
 */
const collect = (store: MvccStore, revision: number, compacted: number): Hit[] => {
  const kept: Hit[] = []
  const atCompacted: Hit[] = []
  const newer: Hit[] = []
  let keepsAny = false
  store.index.forEachEntry({ type: 'range', start: '', end: undefined }, (entry) => {
    const keep = entry.at(revision)
    const old = entry.at(compacted)
    if (keep !== undefined && keep.main <= compacted) kept.push({ entry, version: keep })
    if (old !== undefined) atCompacted.push({ entry, version: old })
    keepsAny ||= keep !== undefined
    for (const version of [...entry.older, entry.head]) {
      if (version.main > compacted && version.main <= revision) newer.push({ entry, version })
    }
  })
  return [...(keepsAny ? kept : atCompacted), ...newer].sort(
    (a, b) => a.version.main - b.version.main || a.version.sub - b.version.sub,
  )
}

/** Throws etcd's errors for a revision that cannot be read; 0 is the newest. */
export const hashStore = async (
  store: MvccStore,
  asked: number,
): Promise<{ readonly hash: number; readonly compactRevision: number }> => {
  const compacted = store.compactedRevision
  const revision = revisionToRead(asked, { current: store.revision, compacted })
  const hits = collect(store, revision, compacted)
  const snapshot = store.openSnapshot()
  const hasher = new KeyHasher()
  try {
    for (let start = 0; start < hits.length; start += chunkHits) {
      const chunk = hits.slice(start, start + chunkHits)
      const loaded = await store.load(
        chunk.filter(({ version }) => !version.deleted),
        snapshot,
      )
      let next = 0
      for (const { entry, version } of chunk) {
        const bytes = version.deleted ? encodeTombstone(entry.key, 0) : loaded[next++]
        if (bytes !== undefined) hasher.add(encodeRevisionKey(version.main, version.sub, version.deleted), bytes)
      }
    }
  } finally {
    await snapshot.close()
  }
  return { hash: hasher.hash, compactRevision: compacted === 0 ? -1 : compacted }
}
