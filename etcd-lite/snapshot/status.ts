/** What etcdutl says of a snapshot: `snapshot status` and `hashkv`. */
import { KeyValue } from '../../component-base/etcd/messages.ts'
import { crc32c, KeyHasher } from '../mvcc/hash.ts'
import { etcdError } from '../mvcc/errors.ts'
import type { BoltFile } from './bolt/reader.ts'
import { BadSnapshotError, findBucket, readCompactedOf, readRevisionKey } from './import.ts'
import { bucketName } from './schema.ts'

export interface SnapshotStatus {
  /** CRC-32C over the names and entries of all buckets. */
  readonly hash: number
  readonly revision: number
  /** Entries of all buckets. */
  readonly totalKey: number
  readonly totalSize: number
}

/** Reads all of it, and checks it as a file first. */
export const snapshotStatus = async (db: BoltFile): Promise<SnapshotStatus> => {
  await db.check()
  let hash = 0
  let revision = 0
  let totalKey = 0
  for (const bucket of db.buckets) {
    hash = crc32c(Buffer.from(bucket.name), hash)
    for await (const chunk of bucket.entries()) {
      for (const [key, value] of chunk) hash = crc32c(value, crc32c(key, hash))
      totalKey += chunk.length
      const last = chunk.at(-1)
      if (bucket.name === bucketName.key && last !== undefined) revision = readRevisionKey(last[0]).main
    }
  }
  return { hash, revision, totalKey, totalSize: db.sizeBytes }
}

export interface SnapshotHashKv {
  readonly hash: number
  readonly hashRevision: number
  readonly compactRevision: number
}

/** HashKV of a database at a revision, 0 being the newest: what a server with it answers. Throws etcd's errors. */
export const snapshotHashKv = async (db: BoltFile, asked: number): Promise<SnapshotHashKv> => {
  const keys = findBucket(db, bucketName.key)
  if (keys === undefined) throw new BadSnapshotError('it has no keys')
  const compacted = await readCompactedOf(db)
  let newest = Math.max(compacted, 1)
  /** Per key, its place in the history at the asked revision: what a compaction there would keep. */
  const live = new Map<string, string>()
  const liveAtCompacted = new Map<string, string>()
  const wanted = (main: number): boolean => asked <= 0 || main <= asked
  for await (const chunk of keys.entries()) {
    for (const [revisionKey, value] of chunk) {
      const { main, deleted } = readRevisionKey(revisionKey)
      newest = Math.max(newest, main)
      if (!wanted(main)) continue
      const key = KeyValue.decode(value).key.toString('latin1')
      for (const map of main <= compacted ? [live, liveAtCompacted] : [live]) {
        if (deleted) map.delete(key)
        else map.set(key, revisionKey.toString('latin1'))
      }
    }
  }
  if (asked > newest) throw etcdError('futureRevision')
  if (asked > 0 && asked < compacted) throw etcdError('compacted')
  const kept = new Set((live.size > 0 ? live : liveAtCompacted).values())
  const hasher = new KeyHasher()
  for await (const chunk of keys.entries()) {
    for (const [revisionKey, value] of chunk) {
      const { main } = readRevisionKey(revisionKey)
      if (!wanted(main) || (main <= compacted && !kept.has(revisionKey.toString('latin1')))) continue
      hasher.add(revisionKey, value)
    }
  }
  return {
    hash: hasher.hash,
    hashRevision: asked > 0 ? asked : newest,
    compactRevision: compacted === 0 ? -1 : compacted,
  }
}
