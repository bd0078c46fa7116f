/**
 * A database of a real etcd (or a snapshot of ours, which is one) becomes the records of a store.
 *
 * Guarantees: every revision after the compacted one is there with all its changes, or it throws. History that a
 * compaction had not removed yet comes along; the store removes it when it starts. Members and the identity of the
 * cluster stay behind: what is restored is a new cluster.
 */
import { AlarmMember } from '../../component-base/etcd/maintenance-messages.ts'
import { KeyValue } from '../../component-base/etcd/messages.ts'
import { type Alarm, putAlarms } from '../backend/alarms.ts'
import type { Backend, BackendOp } from '../backend/backend.ts'
import { encodeIndexRecord, encodeValueRecord, indexKey, leaseKey, sealed, valueKey } from '../mvcc/records.ts'
import { encodeCompacted } from '../mvcc/restore.ts'
import { decodeRevisionKey, type RevisionKey } from '../mvcc/revision-key.ts'
import { Version } from '../mvcc/version.ts'
import type { BoltBucket, BoltFile } from './bolt/reader.ts'
import type { BoltEntry } from './bolt/writer.ts'
import type { AuthEntry } from './export.ts'
import { bucketName, LeaseRecord, metaName } from './schema.ts'

/** Thrown for a database that is whole as a file and cannot be etcd's, or has lost something. */
export class BadSnapshotError extends Error {
  constructor(what: string) {
    super(`this is not a whole database of etcd: ${what}`)
    this.name = 'BadSnapshotError'
  }
}

export interface ImportOptions {
  readonly db: BoltFile
  /** Empty. */
  readonly backend: Backend
  /** Added to the newest revision, which is then the compacted one: clients see no revision twice. 0: as it was. */
  readonly bumpRevision: number
  readonly authOps: (entries: readonly AuthEntry[]) => readonly BackendOp[]
}

export interface Imported {
  readonly revision: number
  readonly compacted: number
}

/** A batch is written when it has this many operations or bytes. */
const batchOps = 1000
const batchBytes = 4 << 20
/** The revision of a store without keys. */
const firstRevision = 1

class Batches {
  readonly #backend: Backend
  #ops: BackendOp[] = []
  #bytes = 0

  constructor(backend: Backend) {
    this.#backend = backend
  }

  async add(...ops: readonly BackendOp[]): Promise<void> {
    for (const op of ops) {
      this.#ops.push(op)
      this.#bytes += op.key.length + (op.type === 'put' ? op.value.length : 0)
    }
    if (this.#ops.length >= batchOps || this.#bytes >= batchBytes) await this.flush(false)
  }

  async flush(sync: boolean): Promise<void> {
    const ops = this.#ops
    this.#ops = []
    this.#bytes = 0
    await this.#backend.commit(ops, { sync })
  }
}

export const findBucket = (db: BoltFile, name: string): BoltBucket | undefined =>
  db.buckets.find((bucket) => bucket.name === name)

/** Entries of a small bucket; none when it is not there. */
const entriesOf = async (db: BoltFile, name: string): Promise<BoltEntry[]> => {
  const entries: BoltEntry[] = []
  const bucket = findBucket(db, name)
  if (bucket !== undefined) for await (const chunk of bucket.entries()) entries.push(...chunk)
  return entries
}

/** The revision up to which history was given up; a compaction that was only scheduled counts. */
export const readCompactedOf = async (db: BoltFile): Promise<number> => {
  let compacted = 0
  for (const [key, value] of await entriesOf(db, bucketName.meta)) {
    const name = key.toString()
    if (name !== metaName.finishedCompact && name !== metaName.scheduledCompact) continue
    const revision = decodeRevisionKey(value)
    if (revision === undefined) throw new BadSnapshotError(`${name} is no revision`)
    compacted = Math.max(compacted, revision.main)
  }
  return compacted
}

/** The revision in a key of the bucket `key`. */
export const readRevisionKey = (key: Buffer): RevisionKey => {
  const revision = decodeRevisionKey(key)
  if (revision === undefined) throw new BadSnapshotError(`"${key.toString('hex')}" is no revision`)
  return revision
}

/** What etcdutl leaves behind when it bumps a revision: it is no change of any key. */
const isBumpMark = ({ sub, deleted }: RevisionKey, value: Buffer): boolean =>
  value.length === 0 && sub === 0 && !deleted

const changeOps = ({ main, sub, deleted }: RevisionKey, value: Buffer): BackendOp[] => {
  const kv = KeyValue.decode(value)
  const key = kv.key.toString('latin1')
  if (key === '') throw new BadSnapshotError(`revision ${main}.${sub} has no key`)
  if (deleted) {
    const tombstone = new Version(main, sub, 0, 0, 0n, undefined)
    return [{ type: 'put', key: indexKey(main, sub), value: encodeIndexRecord(key, tombstone) }]
  }
  if (kv.modRevision !== main || kv.version < 1 || kv.createRevision > main) {
    throw new BadSnapshotError(`revision ${main}.${sub} holds a key of revision ${kv.modRevision}`)
  }
  const version = new Version(main, sub, kv.createRevision, kv.version, kv.lease, undefined)
  const { record } = encodeValueRecord({
    key,
    create: kv.createRevision,
    mod: main,
    version: kv.version,
    value: kv.value,
    lease: kv.lease,
  })
  return [
    { type: 'put', key: indexKey(main, sub), value: encodeIndexRecord(key, version) },
    { type: 'put', key: valueKey(main, sub), value: record },
  ]
}

/** Writes the history of all keys. Resolves with the newest revision. */
const importKeys = async (bucket: BoltBucket, compacted: number, batches: Batches): Promise<number> => {
  let last = { main: Math.max(compacted, firstRevision), sub: 0 }
  for await (const chunk of bucket.entries()) {
    for (const [key, value] of chunk) {
      const revision = readRevisionKey(key)
      const { main, sub } = revision
      if (main > compacted) {
        const follows = main === last.main ? sub === last.sub + 1 : main === last.main + 1 && sub === 0
        if (!follows) throw new BadSnapshotError(`revision ${main}.${sub} follows ${last.main}.${last.sub}`)
        last = { main, sub }
      } else if (isBumpMark(revision, value)) continue
      await batches.add(...changeOps(revision, value))
    }
  }
  return last.main
}

const importLeases = async (db: BoltFile, batches: Batches): Promise<void> => {
  for (const [key, value] of await entriesOf(db, bucketName.lease)) {
    const { ID, TTL } = LeaseRecord.decode(value)
    if (key.length !== 8 || key.readBigInt64BE() !== ID) throw new BadSnapshotError('a lease under another id')
    const payload = Buffer.alloc(8)
    payload.writeBigInt64BE(BigInt(TTL))
    await batches.add({ type: 'put', key: leaseKey(ID), value: sealed(payload) })
  }
}

const readAuth = async (db: BoltFile): Promise<AuthEntry[]> => {
  const entries: AuthEntry[] = []
  for (const bucket of [bucketName.auth, bucketName.authRoles, bucketName.authUsers]) {
    for (const [key, value] of await entriesOf(db, bucket)) entries.push({ bucket, key, value })
  }
  return entries
}

/** Writes everything; the last write is synced. Throws BadSnapshotError and DamagedBoltFileError. */
export const importDatabase = async ({ db, backend, bumpRevision, authOps }: ImportOptions): Promise<Imported> => {
  const keys = findBucket(db, bucketName.key)
  if (keys === undefined) throw new BadSnapshotError('it has no keys')
  const batches = new Batches(backend)
  const compactedBefore = await readCompactedOf(db)
  const latest = await importKeys(keys, compactedBefore, batches)
  await importLeases(db, batches)
  await batches.add(...authOps(await readAuth(db)))
  const alarms = (await entriesOf(db, bucketName.alarm)).map(([key]): Alarm => AlarmMember.decode(key))
  if (alarms.length > 0) await batches.add(putAlarms(alarms))
  const revision = latest + bumpRevision
  const compacted = bumpRevision > 0 ? revision : compactedBefore
  if (compacted > 0) await batches.add({ type: 'put', ...encodeCompacted(compacted) })
  await batches.flush(true)
  return { revision, compacted }
}
