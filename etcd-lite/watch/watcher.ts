import type { Change } from '../mvcc/change.ts'
import { inRange, type KeyRange } from '../mvcc/key-range.ts'

/** Where a watcher's responses go: one gRPC stream, shared by its watchers. */
export interface WatchSink {
  /** Sends the parts of one encoded WatchResponse. */
  send(parts: readonly Uint8Array[]): void
  readonly bufferedBytes: number
  drained(): Promise<void>
  /** The encoded header of a response at a revision. */
  header(revision: number): Uint8Array
}

export interface WatcherSpec {
  /** Chosen by clients too, who may use all 64 bits. */
  readonly id: bigint
  readonly range: KeyRange
  readonly prevKv: boolean
  readonly noPut: boolean
  readonly noDelete: boolean
  readonly fragment: boolean
  readonly progressNotify: boolean
}

/**
 * One watch. It is *synced* (told of revisions as they are committed), *catching up* (reading history, because it
 * began in the past or because its client is slow), or *closed*.
 */
export class Watcher {
  readonly spec: WatcherSpec
  readonly sink: WatchSink
  /** The first revision that it has not been told of. */
  next: number
  state: 'synced' | 'catching up' | 'closed' = 'catching up'
  /** Something was sent since the last round of progress notifications. */
  active = false

  constructor(spec: WatcherSpec, sink: WatchSink, next: number) {
    this.spec = spec
    this.sink = sink
    this.next = next
  }

  /** Whether the watcher wants changes of this kind of this key. */
  wants(key: string, change: Pick<Change, 'version'>): boolean {
    const { range, noPut, noDelete } = this.spec
    return inRange(range, key) && !(change.version.deleted ? noDelete : noPut)
  }
}
