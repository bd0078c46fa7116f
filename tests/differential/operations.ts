/**
 * What the differential test does to a server, as plain JSON: an operation can be printed when it shows a difference,
 * and pasted into `regressions.ts`.
 *
 * Keys and values are strings of one character a byte. Revisions may stand relative to the newest one (`now-2`), so
 * that a sequence means the same on a server with a past, and leases may be named by the order of their granting
 * (`granted0`), since a server makes up their numbers.
 */
import type {
  DeleteRangeRequestInit,
  PutRequestInit,
  RangeRequestInit,
  TxnRequestInit,
} from '../../component-base/etcd/messages.ts'
import type { WatchCreateRequestInit } from '../../component-base/etcd/watch-messages.ts'

export type RevisionRef = number | `now${'' | `${'+' | '-'}${number}`}`
export type LeaseRef = number | `granted${number}`

/** A message's fields in the notation above. */
export type Spec<T> = T extends Uint8Array
  ? string
  : T extends bigint
    ? LeaseRef
    : T extends number
      ? RevisionRef
      : T extends readonly (infer U)[]
        ? readonly Spec<U>[]
        : T extends object
          ? { readonly [K in keyof T]: Spec<T[K]> }
          : T

/** Fields appended to the encoded request, by number, as varints of 64 bits: the last one of a field counts. */
export type ExtraFields = Readonly<Record<number, string>>

interface Unary<Name extends string, Request> {
  readonly op: Name
  readonly request: Request
  readonly extra?: ExtraFields | undefined
}

export type UnaryOperation =
  | Unary<'range', Spec<RangeRequestInit>>
  | Unary<'put', Spec<PutRequestInit>>
  | Unary<'deleteRange', Spec<DeleteRangeRequestInit>>
  | Unary<'txn', Spec<TxnRequestInit>>
  | Unary<'compact', { readonly revision?: RevisionRef; readonly physical?: boolean }>
  | Unary<'leaseGrant', { readonly TTL?: number; readonly ID?: LeaseRef }>
  | Unary<'leaseRevoke', { readonly ID?: LeaseRef }>
  | Unary<'leaseTimeToLive', { readonly ID?: LeaseRef; readonly keys?: boolean }>
  | Unary<'leaseLeases', Readonly<Record<string, never>>>

/** Watches are made on one of a few streams of each server. */
export type StreamOperation =
  | {
      readonly op: 'watchCreate'
      readonly stream: number
      readonly request: Spec<WatchCreateRequestInit>
      readonly extra?: ExtraFields | undefined
    }
  | { readonly op: 'watchCancel'; readonly stream: number; readonly watchId: number }
  | { readonly op: 'watchProgress'; readonly stream: number }

export type Operation =
  | UnaryOperation
  | StreamOperation
  | { readonly op: 'leaseKeepAlive'; readonly ID: LeaseRef }
  /** Waits until all events up to now have come, and compares them. */
  | { readonly op: 'sync' }

/** What relative notations stand for on one server. */
export interface References {
  readonly revision: number
  readonly granted: readonly bigint[]
}

const byteFields: ReadonlySet<string> = new Set(['key', 'rangeEnd', 'value'])
/** IDs, of which all 64 bits count. */
const idFields: ReadonlySet<string> = new Set(['lease', 'ID', 'watchId'])

export const revisionOf = (ref: RevisionRef, { revision }: References): number =>
  typeof ref === 'number' ? ref : revision + Number(ref.slice('now'.length) || 0)

export const leaseOf = (ref: LeaseRef, { granted }: References): bigint =>
  typeof ref === 'number' ? BigInt(ref) : (granted[Number(ref.slice('granted'.length))] ?? 0n)

const resolveField = (name: string, value: unknown, references: References): unknown => {
  if (typeof value === 'string' && byteFields.has(name)) return Buffer.from(value, 'latin1')
  if (idFields.has(name)) return leaseOf(value as LeaseRef, references)
  if (typeof value === 'string') return revisionOf(value as RevisionRef, references)
  if (Array.isArray(value)) return value.map((item) => resolveField(name, item, references))
  if (typeof value === 'object' && value !== null) return resolve(value, references)
  return value
}

/** A request as the messages take it, on one server. */
export const resolve = (request: object, references: References): object =>
  Object.fromEntries(
    Object.entries(request)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => [name, resolveField(name, value, references)]),
  )

const varint = (value: bigint): number[] => {
  const bytes: number[] = []
  let rest = BigInt.asUintN(64, value)
  while (rest > 0x7fn) {
    bytes.push(Number(rest & 0x7fn) | 0x80)
    rest >>= 7n
  }
  return [...bytes, Number(rest)]
}

export const encodeExtra = (extra: ExtraFields = {}): Buffer =>
  Buffer.from(
    Object.entries(extra).flatMap(([field, value]) => [...varint(BigInt(field) << 3n), ...varint(BigInt(value))]),
  )
