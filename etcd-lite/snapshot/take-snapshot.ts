import type { Alarms } from '../backend/alarms.ts'
import type { Backend, BackendSnapshot } from '../backend/backend.ts'
import type { Identity } from '../grpc/identity.ts'
import type { Membership } from '../membership.ts'
import type { MvccStore } from '../mvcc/store.ts'
import { type AuthEntry, exportBuckets } from './export.ts'
import { type SnapshotFile, writeSnapshotFile } from './snapshot-file.ts'

export interface SnapshotSources {
  /** For the file without a name. */
  readonly dir: string
  readonly store: MvccStore
  readonly backend: Backend
  readonly alarms: Alarms
  readonly membership: Membership
  readonly identity: Identity
  readonly readAuthRecords: (snapshot: BackendSnapshot) => Promise<readonly AuthEntry[]>
  readonly signal: AbortSignal
}

/** Writes the store of this moment as an etcd database, while it goes on. The caller closes the file. */
export const takeSnapshot = async (sources: SnapshotSources): Promise<SnapshotFile> => {
  const { dir, store, backend, alarms, membership, identity, readAuthRecords, signal } = sources
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
    return await writeSnapshotFile(dir, buckets, signal)
  } finally {
    await snapshot.close()
  }
}
