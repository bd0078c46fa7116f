/** The store at one moment, as the buckets of an etcd database. */
import type { BackendSnapshot } from '../backend/backend.ts'
import { etcdError } from '../mvcc/errors.ts'
import { encodeTombstone } from '../mvcc/key-value.ts'
import {
  allIndexRecords,
  allLeases,
  allValues,
  decodeIndexRecord,
  decodeValueRecord,
  leaseIdOfKey,
  revisionOfKey,
  unsealed,
} from '../mvcc/records.ts'
import { compactedKey, decodeCompacted } from '../mvcc/restore.ts'
import { encodeRevisionKey } from '../mvcc/revision-key.ts'
import type { Version } from '../mvcc/version.ts'
import type { BoltBucketSource, BoltEntry } from './bolt/writer.ts'
import {
  bucketName,
  clusterEntries,
  encodeAlarmEntry,
  encodeLeaseEntry,
  encodeMemberEntry,
  encodeMetaEntries,
  type MemberRecord,
} from './schema.ts'

/** An entry of one of the buckets auth, authUsers and authRoles. */
export interface AuthEntry {
  readonly bucket: 'auth' | 'authUsers' | 'authRoles'
  readonly key: Buffer
  readonly value: Buffer
}

export interface ExportSources {
  readonly snapshot: BackendSnapshot
  readonly member: MemberRecord
  readonly term: number
  /** The newest revision when the snapshot was taken. */
  readonly revision: number
  /** Compactions up to here have left nothing behind. */
  readonly collectedRevision: number
  readonly alarms: readonly { readonly memberID: bigint; readonly alarm: number }[]
  readonly auth: readonly AuthEntry[]
}

type Chunks = AsyncIterable<readonly (readonly [Buffer, Buffer])[]>

/** The records of a scan one by one. */
async function* records(chunks: Chunks): AsyncGenerator<readonly [Buffer, Buffer], undefined, void> {
  for await (const chunk of chunks) yield* chunk
  return undefined
}

/** Index and value records lie in the same order of revisions: they are read side by side. */
async function* keyEntries(snapshot: BackendSnapshot): AsyncGenerator<BoltEntry[], void, void> {
  const values = records(snapshot.scan(allValues))
  const valueOf = async (key: string, version: Version): Promise<Buffer> => {
    const { main, sub } = version
    const { value: found } = await values.next()
    const at = found === undefined ? undefined : revisionOfKey(found[0])
    const bytes =
      found === undefined || at?.main !== main || at.sub !== sub ? undefined : decodeValueRecord(found[1], key, version)
    if (bytes !== undefined) return bytes
    throw etcdError('corrupt', { cause: new Error(`the value of revision ${main}.${sub} is missing or damaged`) })
  }
  try {
    for await (const chunk of snapshot.scan(allIndexRecords)) {
      const entries: BoltEntry[] = []
      for (const [recordKey, record] of chunk) {
        const { key, version } = decodeIndexRecord(recordKey, record)
        const { main, sub, deleted } = version
        const bytes = deleted ? encodeTombstone(key, 0) : await valueOf(key, version)
        entries.push([encodeRevisionKey(main, sub, deleted), bytes])
      }
      yield entries
    }
  } finally {
    await values.return(undefined)
  }
}

async function* leaseEntries(snapshot: BackendSnapshot): AsyncGenerator<BoltEntry[], void, void> {
  for await (const chunk of snapshot.scan(allLeases)) {
    yield chunk.map(([key, record]) => encodeLeaseEntry(leaseIdOfKey(key), Number(unsealed(record).readBigInt64BE())))
  }
}

const byKey = (entries: readonly BoltEntry[]): BoltEntry[] => entries.toSorted(([a], [b]) => a.compare(b))

/** All buckets of an etcd database, in order. Read once, while the snapshot is open. */
export const exportBuckets = async (sources: ExportSources): Promise<BoltBucketSource[]> => {
  const { snapshot, member, term, revision, collectedRevision, alarms, auth } = sources
  const [record] = await snapshot.getMany([compactedKey])
  const compacted = decodeCompacted(record)
  const authEntries = (bucket: AuthEntry['bucket']): BoltEntry[] =>
    byKey(auth.filter((entry) => entry.bucket === bucket).map(({ key, value }): BoltEntry => [key, value]))
  const meta = encodeMetaEntries({
    memberId: member.id,
    index: revision,
    term,
    scheduledCompact: compacted,
    // etcd goes on with a compaction that is scheduled and not finished.
    finishedCompact: Math.min(collectedRevision, compacted),
  })
  const buckets: Readonly<Record<string, BoltBucketSource['entries']>> = {
    [bucketName.alarm]: [byKey(alarms.map(encodeAlarmEntry))],
    [bucketName.auth]: [authEntries('auth')],
    [bucketName.authRoles]: [authEntries('authRoles')],
    [bucketName.authUsers]: [authEntries('authUsers')],
    [bucketName.cluster]: [clusterEntries],
    [bucketName.key]: keyEntries(snapshot),
    [bucketName.lease]: leaseEntries(snapshot),
    [bucketName.members]: [[encodeMemberEntry(member)]],
    [bucketName.membersRemoved]: [],
    [bucketName.meta]: [meta],
  }
  return Object.entries(buckets).map(([name, entries]) => ({ name, entries }))
}
