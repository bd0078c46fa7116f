/** What the storage layer needs of etcd: the few transactions that Kubernetes uses, in plain words. */
import { StatusError } from '../../api/meta/status-error.ts'

export interface KeyValue {
  readonly key: string
  readonly value: Buffer
  readonly modRevision: number
  /** The value is stored otherwise than it would be now: it is to be written again, even unchanged. */
  readonly stale?: boolean
}

export interface ListPage {
  readonly items: readonly KeyValue[]
  /** Keys in the whole range, from the start of the page on. */
  readonly count: number
  readonly more: boolean
  /** Revision of the store when the answer was made. */
  readonly revision: number
}

/** A conditional write either happened at `revision`, or did not because the key is not as expected. */
export type WriteResult =
  | {
      readonly type: 'written'
      readonly revision: number
      /** What readers get, where it is not what was put. */
      readonly value?: Buffer
    }
  | { readonly type: 'conflict'; readonly current: KeyValue | undefined }

export type StoreEvent =
  | { readonly type: 'put'; readonly key: string; readonly value: Buffer; readonly revision: number }
  | { readonly type: 'delete'; readonly key: string; readonly revision: number }

/** All events up to and including `revision` have been delivered. */
export interface StoreEvents {
  readonly revision: number
  readonly events: readonly StoreEvent[]
}

/** Thrown by list and watch when the asked revision has been compacted away. */
export class CompactedError extends Error {
  readonly compactRevision: number
  constructor(compactRevision: number) {
    super(`required revision has been compacted (at ${compactRevision})`)
    this.name = 'CompactedError'
    this.compactRevision = compactRevision
  }
}

/** Thrown by list when the asked revision lies in the future. */
export class FutureRevisionError extends Error {
  constructor() {
    super('required revision is a future revision')
    this.name = 'FutureRevisionError'
  }
}

/** A value that cannot be had in the version in which it was asked for: a 500 without a reason, as upstream. */
export class ConversionError extends StatusError {
  constructor(message: string, cause?: unknown) {
    super('', message, { cause })
    this.name = 'ConversionError'
  }
}

export interface KeyValueStore {
  /** A linearizable read of one key. */
  get(key: string): Promise<{ readonly current: KeyValue | undefined; readonly revision: number }>
  /** Keys from `start` up to `end`, at `revision` (0 is now, linearizable). */
  list(range: { start: string; end: string; limit?: number; revision?: number }): Promise<ListPage>
  /** Puts if the key's modRevision is `expected` (0: if it does not exist). */
  put(key: string, value: Buffer, expected: number, lease?: string): Promise<WriteResult>
  delete(key: string, expected: number): Promise<WriteResult>
  /** The store's revision now, linearizable. */
  currentRevision(): Promise<number>
  /** Every event of every key after `revision`, in order. Throws CompactedError. */
  watch(revision: number, signal: AbortSignal): AsyncIterable<StoreEvents>
  /** Grants a lease; keys put with it vanish after `ttlSeconds`. */
  grantLease(ttlSeconds: number): Promise<string>
  /** Forgets history before `revision`. */
  compact(revision: number): Promise<void>
  close(): Promise<void>
}
