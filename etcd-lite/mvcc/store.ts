/**
 * The multi-version store: etcd's KV semantics on a Backend.
 *
 * Flow of a write: evaluated at once against the index (which holds what is on its way to the disk too), its records
 * join the commit queue, and it is answered when they are on the disk; then watchers are told.
 * Guarantees: writes are serial; reads see the newest state that is on the disk and nothing younger, so an
 * acknowledged write is seen by every later read and nothing seen is ever lost; a revision is all there or not at all.
 * A failed commit ends the store (`onFailed`): memory is then ahead of the disk, and only a restart heals that.
 */
import type {
  DeleteRangeRequest,
  DeleteRangeResponse,
  PutRequest,
  PutResponse,
  RangeRequest,
  TxnRequest,
  TxnResponseInit,
} from '../../component-base/etcd/messages.ts'
import type { InputOf } from '../../component-base/protobuf/message.ts'
import type { Backend, BackendOp, BackendSnapshot } from '../backend/backend.ts'
import type { Sum } from '../backend/tally.ts'
import type { Change, LeaseRegistry, Revision } from './change.ts'
import { CommitQueue } from './commit-queue.ts'
import { etcdError } from './errors.ts'
import { KeyIndex } from './key-index.ts'
import { encodeKeyOnly, type Hit, planRange } from './range.ts'
import { decodeValueRecord, encodeIndexRecord, indexKey, valueKey } from './records.ts'
import { encodeCompacted, restoreIndex } from './restore.ts'
import {
  applyDeleteRange,
  applyPut,
  applyTxn,
  checkSinglePut,
  type OperationCounts,
  readTxn,
  type TxnReader,
} from './txn.ts'
import { isReadOnly } from './txn-check.ts'
import { ValueCache } from './value-cache.ts'
import { WriteTxn } from './write-txn.ts'

export interface StoreOptions {
  readonly backend: Backend
  readonly leases: LeaseRegistry
  /** Bound of current values kept in memory. */
  readonly cacheBytes: number
  /** Compares what the start has read with what was written; throws. */
  readonly checkIndex?: (records: Sum) => void
  /** Told of a value that is not what was written, whenever it is read. */
  readonly onCorrupt?: (err: unknown) => void
  /** Told when a commit failed; the process must end. */
  readonly onFailed: (err: unknown) => void
}

/** An answer with the revision for its header. */
export interface Answer<T> {
  readonly revision: number
  readonly response: T
}

/** What a Range found: encoded KeyValues. */
export interface RangeResult {
  readonly kvs: readonly Buffer[]
  readonly count: number
  readonly more: boolean
}

export type RevisionListener = (revisions: readonly Revision[]) => void

/** Versions removed from the backend in one go while others are served. */
const compactionBatch = 500

export class MvccStore {
  readonly #options: StoreOptions
  readonly #index: KeyIndex
  readonly #cache: ValueCache
  readonly #queue: CommitQueue<Revision>
  readonly #reader: TxnReader
  readonly #listeners = new Set<RevisionListener>()
  /** The newest revision in the index; ahead of `#durable` while a commit is on its way. */
  #applied: number
  #durable: number
  #compacted: number
  /** Compactions asked for, up to here; `#compacted` follows when that is on the disk. */
  #compactionAsked: number
  #collecting: Promise<void> = Promise.resolve()
  readonly counts: OperationCounts = { ranges: 0, puts: 0, deletes: 0, txns: 0, putBytes: 0 }
  /** Versions that compactions have removed since the start. */
  collectedVersions = 0
  /** What compactions up to here made unreadable is removed. */
  #collected = 0

  private constructor(options: StoreOptions, index: KeyIndex, restored: { revision: number; compacted: number }) {
    this.#options = options
    this.#index = index
    this.#cache = new ValueCache(options.cacheBytes)
    this.#applied = this.#durable = restored.revision
    this.#compacted = this.#compactionAsked = restored.compacted
    this.#queue = new CommitQueue({
      backend: options.backend,
      onCommitted: (revisions) => this.#committed(revisions),
      onFailed: options.onFailed,
    })
    const compacted = (): number => this.#compacted
    this.#reader = {
      index,
      leases: options.leases,
      counts: this.counts,
      get compacted() {
        return compacted()
      },
      bytesOf: (hit) => this.bytesOf(hit),
    }
  }

  /** Reads the index from the backend. Throws CorruptStoreError when the backend has lost something. */
  static async open(options: StoreOptions): Promise<MvccStore> {
    const index = new KeyIndex()
    const restored = await restoreIndex(options.backend, index, options.leases)
    options.checkIndex?.(restored.records)
    const store = new MvccStore(options, index, restored)
    store.#collecting = store.#collectGarbage() // what a compaction left when the process ended
    return store
  }

  /** The newest revision that is on the disk. */
  get revision(): number {
    return this.#durable
  }

  get compactedRevision(): number {
    return this.#compacted
  }

  /** Nothing that a compaction up to this revision made unreadable is in the backend any more. */
  get collectedRevision(): number {
    return this.#collected
  }

  get keyCount(): number {
    return this.#index.keyCount
  }

  get index(): KeyIndex {
    return this.#index
  }

  /** Revisions that are on their way to the disk. */
  get pendingRevisions(): number {
    return this.#applied - this.#durable
  }

  /** Calls `listener` with every revision from now on, in order, once it is on the disk. Returns the way to stop. */
  subscribe(listener: RevisionListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Range of a checked request. Synchronous when all values are in memory. */
  range(request: RangeRequest): Answer<RangeResult> | Promise<Answer<RangeResult>> {
    this.counts.ranges++
    const revision = this.#durable
    const visibility = { current: revision, compacted: this.#compacted }
    const plan = planRange(this.#index, request, visibility, (hit) => this.bytesOf(hit))
    const { count, more, hits } = plan
    const answer = (kvs: Buffer[]): Answer<RangeResult> => ({ revision, response: { kvs, count, more } })
    if (request.keysOnly) return answer(hits.map(encodeKeyOnly))
    const kvs: Buffer[] = []
    for (const { version } of hits) {
      if (version.bytes === undefined) return this.load(hits).then(answer)
      version.recent = true
      kvs.push(version.bytes)
    }
    return answer(kvs)
  }

  put(request: PutRequest): Promise<Answer<InputOf<typeof PutResponse>>> {
    return this.write((tx) => {
      checkSinglePut(this.#reader, tx.revision, request)
      return applyPut(this.#reader, tx, request)
    })
  }

  deleteRange(request: DeleteRangeRequest): Promise<Answer<InputOf<typeof DeleteRangeResponse>>> {
    return this.write((tx) => applyDeleteRange(this.#reader, tx, request))
  }

  /** Txn of a checked request. */
  async txn(request: TxnRequest): Promise<Answer<TxnResponseInit>> {
    if (!isReadOnly(request)) return this.write((tx) => this.#counted(() => applyTxn(this.#reader, tx, request)))
    const response = this.#counted(() => readTxn(this.#reader, this.#durable, request))
    return { revision: this.#durable, response }
  }

  /**
   * Runs `evaluate` as one write transaction and resolves when its effect, or the state in which it found nothing to
   * do, is on the disk. `extraOps` of the transaction are written with it, atomically.
   */
  async write<T>(evaluate: (tx: WriteTxn) => T): Promise<Answer<T>> {
    const tx = new WriteTxn({ index: this.#index, leases: this.#options.leases }, this.#applied)
    let response: T
    try {
      response = evaluate(tx)
    } catch (err) {
      if (tx.changes.length > 0) this.#options.onFailed(err) // half a transaction is in the index
      throw err
    }
    const { revision } = tx
    this.#applied = revision
    if (tx.ops.length > 0) {
      await this.#queue.add(tx.ops, tx.changes.length > 0 ? { main: revision, changes: tx.changes } : undefined)
    } else await this.#queue.settled()
    return { revision, response }
  }

  /** Writes records that are no key's change, in order with all other writes. */
  writeRecords(ops: readonly BackendOp[]): Promise<void> {
    return this.#queue.add(ops)
  }

  /** Makes history before `revision` unreadable; with `physical`, waits until it is removed. Throws etcd's errors. */
  async compact(revision: number, physical: boolean): Promise<number> {
    if (revision <= this.#compactionAsked) throw etcdError('compacted')
    if (revision > this.#durable) throw etcdError('futureRevision')
    this.#compactionAsked = revision
    await this.#queue.add([{ type: 'put', ...encodeCompacted(revision) }])
    this.#compacted = Math.max(this.#compacted, revision)
    this.#collecting = this.#collecting.then(() => this.#collectGarbage())
    if (physical) await this.#collecting
    return this.#durable
  }

  /** The encoded KeyValue of a version, from the disk if need be: then it blocks for some microseconds. */
  bytesOf(hit: Hit): Buffer {
    const { version } = hit
    version.recent = true
    if (version.bytes !== undefined) return version.bytes
    let record: Buffer | undefined
    try {
      record = this.#options.backend.getSync(valueKey(version.main, version.sub))
    } catch (err) {
      throw this.#corrupt(`the value of revision ${version.main}.${version.sub} cannot be read`, err)
    }
    return this.#keep(hit, record)
  }

  /** A moment of the backend, for several loads: what a compaction removes between them is still there. */
  openSnapshot(): BackendSnapshot {
    return this.#options.backend.snapshot()
  }

  /** The same for many, without blocking. Safe against a compaction that begins after the call, or the snapshot. */
  async load(hits: readonly Hit[], shared?: BackendSnapshot): Promise<Buffer[]> {
    const missing = hits.filter(({ version }) => version.bytes === undefined)
    if (missing.length === 0) return hits.map((hit) => this.bytesOf(hit))
    const found = new Map(hits.map(({ version }) => [version, version.bytes]))
    const snapshot = shared ?? this.#options.backend.snapshot()
    try {
      const records = await snapshot
        .getMany(missing.map(({ version: { main, sub } }) => valueKey(main, sub)))
        .catch((err: unknown) => {
          throw this.#corrupt('values cannot be read', err)
        })
      for (const [i, hit] of missing.entries()) found.set(hit.version, this.#keep(hit, records[i]))
    } finally {
      if (shared === undefined) await snapshot.close()
    }
    return hits.map((hit) => found.get(hit.version) ?? this.bytesOf(hit))
  }

  /** Resolves when everything written so far is on the disk and garbage collection has stopped. */
  async drain(): Promise<void> {
    await this.#queue.settled()
    await this.#collecting
  }

  /** The error for who asked; `onCorrupt` is told in words. */
  #corrupt(what: string, err?: unknown): Error {
    const cause = new Error(`${what}; restore the store from a snapshot`, { cause: err })
    this.#options.onCorrupt?.(cause)
    return etcdError('corrupt', { cause })
  }

  #counted<T>(run: () => T): T {
    const { ranges, puts, deletes } = this.counts
    const before = ranges + puts + deletes
    const result = run()
    if (this.counts.ranges + this.counts.puts + this.counts.deletes > before + 1) this.counts.txns++
    return result
  }

  /** Checks a record read from the disk; a current value is kept in memory again. */
  #keep({ entry, version }: Hit, record: Buffer | undefined): Buffer {
    const bytes = record === undefined ? undefined : decodeValueRecord(record, entry.key, version)
    if (bytes === undefined) {
      const what = record === undefined ? 'missing' : 'damaged'
      throw this.#corrupt(`the value of revision ${version.main}.${version.sub} is ${what}`)
    }
    if (entry.head === version) {
      version.bytes = bytes
      this.#cache.add(version)
    }
    return bytes
  }

  #committed(revisions: readonly Revision[]): void {
    const last = revisions.at(-1)
    if (last === undefined) return
    this.#durable = last.main
    for (const listener of this.#listeners) listener(revisions)
    for (const { changes } of revisions) for (const change of changes) this.#settle(change)
  }

  /** Current values stay in memory by the cache's rule; replaced ones go. */
  #settle({ entry, version, previous }: Change): void {
    if (previous !== undefined) this.#cache.remove(previous)
    if (version === entry.head && !version.deleted) this.#cache.add(version)
    else version.bytes = undefined
  }

  async #collectGarbage(): Promise<void> {
    for (;;) {
      const compacted = this.#compacted
      const garbage = this.#index.takeGarbage(compacted, compactionBatch)
      if (garbage.length === 0) {
        this.#collected = compacted
        return
      }
      const ops = garbage.flatMap(({ entry, version }): BackendOp[] => [
        { type: 'del', key: indexKey(version.main, version.sub), was: encodeIndexRecord(entry.key, version) },
        { type: 'del', key: valueKey(version.main, version.sub) },
      ])
      try {
        // With the writers' fsync: after a loss of power only the last commit may be torn, never one before it.
        await this.#queue.add(ops)
        this.collectedVersions += garbage.length
      } catch {
        return // the queue has told of it
      }
    }
  }
}
