/** The store of one moment as an etcd database: written to a file, or hashed. */
import { readAuthRecords } from '../auth/records.ts'
import type { Alarms } from '../backend/alarms.ts'
import type { Backend } from '../backend/backend.ts'
import type { Identity } from '../grpc/identity.ts'
import type { Membership } from '../membership.ts'
import { crc32c } from '../mvcc/hash.ts'
import type { MvccStore } from '../mvcc/store.ts'
import type { BoltBucketSource } from './bolt/writer.ts'
import { exportBuckets } from './export.ts'
import { bucketName, metaName } from './schema.ts'
import { type SnapshotFile, writeSnapshotFile } from './snapshot-file.ts'

export interface SnapshotSources {
  readonly store: MvccStore
  readonly backend: Backend
  readonly alarms: Alarms
  readonly membership: Membership
  readonly identity: Identity
}

/** Calls `use` with the buckets of this moment; they can be read until it is done, while the store goes on. */
const withBuckets = async <T>(
  { store, backend, alarms, membership, identity }: SnapshotSources,
  use: (buckets: readonly BoltBucketSource[]) => Promise<T>,
): Promise<T> => {
  const snapshot = backend.snapshot()
  const { revision, collectedRevision } = store
  const active = alarms.list()
  try {
    const { ID, name, peerURLs, clientURLs } = membership.member
    const buckets = await exportBuckets({
      snapshot,
      member: { id: ID, name, peerUrls: peerURLs, clientUrls: clientURLs },
      term: identity.raftTerm,
      revision,
      collectedRevision,
      alarms: active,
      auth: await readAuthRecords(snapshot),
    })
    return await use(buckets)
  } finally {
    await snapshot.close()
  }
}

/** Writes a file without a name into `dir`; the caller closes it. Throws the reason of `signal` when it aborts. */
export const takeSnapshot = (sources: SnapshotSources, dir: string, signal: AbortSignal): Promise<SnapshotFile> =>
  withBuckets(sources, (buckets) => writeSnapshotFile(dir, buckets, signal))

/** Of `meta`; they change without anybody's doing. */
const notHashed: readonly string[] = [metaName.consistentIndex, metaName.term]

/** CRC-32C over all buckets, as Maintenance.Hash has it. */
export const hashDatabase = (sources: SnapshotSources): Promise<number> =>
  withBuckets(sources, async (buckets) => {
    let hash = 0
    for (const { name, entries } of buckets) {
      hash = crc32c(Buffer.from(name), hash)
      for await (const chunk of entries) {
        for (const [key, value] of chunk) {
          const ignored = name === bucketName.meta && notHashed.includes(key.toString())
          if (!ignored) hash = crc32c(value, crc32c(key, hash))
        }
      }
    }
    return hash
  })
