/** Put, DeleteRange and Txn on a WriteTxn: etcd's semantics, answers as etcd's messages without their outer header. */
import type {
  DeleteRangeRequest,
  DeleteRangeResponse,
  PutRequest,
  PutResponse,
  RangeRequest,
  RangeResponse,
  RequestOp,
  ResponseOpInit,
  TxnRequest,
  TxnResponseInit,
} from '../../component-base/etcd/messages.ts'
import type { InputOf } from '../../component-base/protobuf/message.ts'
import type { LeaseRegistry } from './change.ts'
import { compareHolds } from './compare.ts'
import { etcdError } from './errors.ts'
import type { KeyIndex } from './key-index.ts'
import { inRange, type KeyRange, keyRange, keyString } from './key-range.ts'
import { valueOf } from './key-value.ts'
import { encodeKeyOnly, type Hit, planRange } from './range.ts'
import type { WriteTxn } from './write-txn.ts'

type PutResponseInit = InputOf<typeof PutResponse>
type RangeResponseInit = InputOf<typeof RangeResponse>
type DeleteRangeResponseInit = InputOf<typeof DeleteRangeResponse>

/** What a transaction reads with. `bytesOf` gives the encoded KeyValue of a version, from memory or disk. */
export interface TxnReader {
  readonly index: KeyIndex
  readonly leases: LeaseRegistry
  readonly compacted: number
  readonly counts: OperationCounts
  bytesOf(hit: Hit): Buffer
}

/** What was done since the start, each operation of a transaction by itself. */
export interface OperationCounts {
  ranges: number
  puts: number
  deletes: number
  /** Transactions of more than one operation. */
  txns: number
  /** Size of what was put, keys included. */
  putBytes: number
}

/** Whose revision a read sees: a transaction in progress, or a fixed point for read-only ones. */
interface View {
  readonly revision: number
}

const checkLease = ({ leases }: TxnReader, request: PutRequest): void => {
  if (request.lease !== 0n && !leases.has(request.lease)) throw etcdError('leaseNotFound')
}

const checkIgnored = ({ index }: TxnReader, revision: number, request: PutRequest): void => {
  if (!request.ignoreValue && !request.ignoreLease) return
  if (index.get(keyString(request.key))?.at(revision) === undefined) throw etcdError('keyNotFound')
}

/** Checks of a put by itself; etcd looks for the lease first here, and last in a transaction. */
export const checkSinglePut = (reader: TxnReader, revision: number, request: PutRequest): void => {
  checkLease(reader, request)
  checkIgnored(reader, revision, request)
}

export const applyPut = (reader: TxnReader, tx: WriteTxn, request: PutRequest): PutResponseInit => {
  const key = keyString(request.key)
  const entry = reader.index.get(key)
  const old = entry?.at(tx.revision)
  let { value, lease } = request
  let prevKv: Buffer | undefined
  if (entry !== undefined && old !== undefined && (request.prevKv || request.ignoreValue)) {
    const bytes = reader.bytesOf({ entry, version: old })
    if (request.prevKv) prevKv = bytes
    if (request.ignoreValue) value = valueOf(bytes)
  }
  if (request.ignoreLease) lease = old?.lease ?? 0n
  tx.put(key, value, lease)
  reader.counts.puts++
  reader.counts.putBytes += request.key.length + value.length
  return { header: { revision: tx.revision }, prevKv }
}

export const applyDeleteRange = (
  reader: TxnReader,
  tx: WriteTxn,
  request: DeleteRangeRequest,
): DeleteRangeResponseInit => {
  const deleted = tx.deleteRange(keyRange(request.key, request.rangeEnd))
  reader.counts.deletes++
  return {
    header: { revision: tx.revision },
    deleted: deleted.length,
    prevKvs: request.prevKv ? deleted.map((hit) => reader.bytesOf(hit)) : [],
  }
}

const readRange = (reader: TxnReader, view: View, request: RangeRequest): RangeResponseInit => {
  reader.counts.ranges++
  const visibility = { current: view.revision, compacted: reader.compacted }
  const { hits, count, more } = planRange(reader.index, request, visibility, (hit) => reader.bytesOf(hit))
  const encode = request.keysOnly ? encodeKeyOnly : (hit: Hit) => reader.bytesOf(hit)
  return { header: { revision: view.revision }, kvs: hits.map(encode), more, count }
}

/** The branches that conditions choose, decided before anything changes. */
interface Path {
  readonly succeeded: boolean
  readonly ops: readonly RequestOp[]
  /** One for each nested transaction of `ops`, in order. */
  readonly nested: readonly Path[]
}

const choosePath = (reader: TxnReader, revision: number, request: TxnRequest): Path => {
  const succeeded = request.compare.every((compare) =>
    compareHolds(reader.index, revision, compare, (hit) => reader.bytesOf(hit)),
  )
  const ops = succeeded ? request.success : request.failure
  const nested = ops.flatMap(({ requestTxn }) =>
    requestTxn === undefined ? [] : [choosePath(reader, revision, requestTxn)],
  )
  return { succeeded, ops, nested }
}

/** The operations that will run, nested ones at their place. */
function* walk({ ops, nested }: Path): Generator<RequestOp, void, void> {
  let nestedIndex = 0
  for (const op of ops) {
    const inner = op.requestTxn === undefined ? undefined : nested[nestedIndex++]
    if (inner === undefined) yield op
    else yield* walk(inner)
  }
}

/**
 * etcd checks all puts first, then all ranges. A negative revision, harmless elsewhere, is a compacted one here. A put
 * that wants to keep something of a key that the transaction has deleted by then ends a real etcd; here it is refused.
 */
const checkPath = (reader: TxnReader, current: number, path: Path): void => {
  const deleted: KeyRange[] = []
  for (const { requestPut, requestDeleteRange } of walk(path)) {
    if (requestDeleteRange !== undefined) deleted.push(keyRange(requestDeleteRange.key, requestDeleteRange.rangeEnd))
    if (requestPut === undefined) continue
    if (requestPut.ignoreValue || requestPut.ignoreLease) {
      const key = keyString(requestPut.key)
      if (deleted.some((range) => inRange(range, key))) throw etcdError('keyNotFound')
    }
    checkIgnored(reader, current, requestPut)
    checkLease(reader, requestPut)
  }
  const first = reader.compacted === 0 ? -1 : reader.compacted
  for (const { requestRange } of walk(path)) {
    if (requestRange === undefined || requestRange.revision === 0) continue
    if (requestRange.revision > current) throw etcdError('futureRevision')
    if (requestRange.revision < first) throw etcdError('compacted')
  }
}

const runPath = (reader: TxnReader, view: View, tx: WriteTxn | undefined, path: Path): TxnResponseInit => {
  let nestedIndex = 0
  const responses = path.ops.map((op): ResponseOpInit => {
    if (op.requestRange !== undefined) return { responseRange: readRange(reader, view, op.requestRange) }
    if (op.requestTxn !== undefined) {
      const nested = path.nested[nestedIndex++]
      if (nested === undefined) throw new Error('a nested transaction has no path')
      return { responseTxn: { header: {}, ...runPath(reader, view, tx, nested) } }
    }
    if (tx === undefined) throw new Error('a read-only transaction wants to write')
    if (op.requestPut !== undefined) return { responsePut: applyPut(reader, tx, op.requestPut) }
    if (op.requestDeleteRange !== undefined) {
      return { responseDeleteRange: applyDeleteRange(reader, tx, op.requestDeleteRange) }
    }
    throw new Error('a request without an operation')
  })
  return { succeeded: path.succeeded, responses }
}

/** Runs a checked transaction: conditions first, then the checks that may refuse, then the chosen branch. */
export const applyTxn = (reader: TxnReader, tx: WriteTxn, request: TxnRequest): TxnResponseInit => {
  const path = choosePath(reader, tx.revision, request)
  checkPath(reader, tx.revision, path)
  return runPath(reader, tx, tx, path)
}

/** The same for a transaction that only reads, at a fixed revision. */
export const readTxn = (reader: TxnReader, revision: number, request: TxnRequest): TxnResponseInit => {
  const path = choosePath(reader, revision, request)
  checkPath(reader, revision, path)
  return runPath(reader, { revision }, undefined, path)
}
