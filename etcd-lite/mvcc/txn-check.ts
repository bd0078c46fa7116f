/** What can be said of a transaction without looking at the data: sizes, missing keys, keys written twice. */
import type { PutRequest, RequestOp, TxnRequest } from '../../component-base/etcd/messages.ts'
import { etcdError } from './errors.ts'
import { inRange, type KeyRange, keyRange, keyString } from './key-range.ts'
import { checkRange } from './range.ts'

export const checkPut = (request: PutRequest): void => {
  if (request.key.length === 0) throw etcdError('emptyKey')
  if (request.ignoreValue && request.value.length !== 0) throw etcdError('valueProvided')
  if (request.ignoreLease && request.lease !== 0n) throw etcdError('leaseProvided')
}

/** Throws etcd's error for a transaction that may not run, nested ones included. */
export const checkTxn = (request: TxnRequest, maxOps: number): void => {
  checkOps(request, maxOps)
  checkIntervals(request.success)
  checkIntervals(request.failure)
}

/** A nested transaction may have as many operations as the one around it leaves over. */
const checkOps = ({ compare, success, failure }: TxnRequest, maxOps: number): void => {
  const longest = Math.max(compare.length, success.length, failure.length)
  if (longest > maxOps) throw etcdError('tooManyOps')
  for (const { key } of compare) if (key.length === 0) throw etcdError('emptyKey')
  for (const op of success) checkOp(op, maxOps - longest)
  for (const op of failure) checkOp(op, maxOps - longest)
}

const checkOp = (op: RequestOp, maxOps: number): void => {
  if (op.requestRange !== undefined) checkRange(op.requestRange)
  else if (op.requestPut !== undefined) checkPut(op.requestPut)
  else if (op.requestDeleteRange !== undefined) {
    if (op.requestDeleteRange.key.length === 0) throw etcdError('emptyKey')
  } else if (op.requestTxn !== undefined) checkOps(op.requestTxn, maxOps)
  else throw etcdError('keyNotFound') // a oneof that is not set, answered as etcd does
}

interface Written {
  readonly puts: ReadonlySet<string>
  readonly deletes: readonly KeyRange[]
}

const overlaps = (puts: Iterable<string>, deletes: readonly KeyRange[]): boolean => {
  if (deletes.length === 0) return false
  for (const key of puts) if (deletes.some((range) => inRange(range, key))) return true
  return false
}

/**
 * Refuses a branch that would put one key twice, or put a key that it deletes. The two branches of a nested
 * transaction never run together, so they are held against what is around them, not against each other.
 */
const checkIntervals = (ops: readonly RequestOp[]): Written => {
  const puts = new Set<string>()
  const deletes: KeyRange[] = []
  for (const { requestDeleteRange: request } of ops) {
    if (request === undefined) continue
    const range = keyRange(request.key, request.rangeEnd)
    // etcd takes the zero byte of "everything from key on" for an end like any other, and so never finds an overlap.
    if (range.type === 'key' || range.end !== undefined) deletes.push(range)
  }
  for (const { requestTxn: nested } of ops) {
    if (nested === undefined) continue
    const branches = [checkIntervals(nested.success), checkIntervals(nested.failure)]
    const nestedPuts = new Set(branches.flatMap((branch) => [...branch.puts]))
    for (const branch of branches) {
      if (overlaps(branch.puts, deletes)) throw etcdError('duplicateKey')
    }
    for (const key of nestedPuts) {
      if (puts.has(key)) throw etcdError('duplicateKey')
      puts.add(key)
    }
    for (const branch of branches) deletes.push(...branch.deletes)
  }
  for (const { requestPut: request } of ops) {
    if (request === undefined) continue
    const key = keyString(request.key)
    if (puts.has(key) || deletes.some((range) => inRange(range, key))) throw etcdError('duplicateKey')
    puts.add(key)
  }
  return { puts, deletes }
}

/** Whether a transaction can change anything, whichever branch is taken. */
export const isReadOnly = (request: TxnRequest): boolean =>
  [...request.success, ...request.failure].every(
    (op) => op.requestRange !== undefined || (op.requestTxn !== undefined && isReadOnly(op.requestTxn)),
  )
