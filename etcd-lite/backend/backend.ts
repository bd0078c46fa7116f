/** What the store needs of a disk: an ordered map of bytes with atomic batches. */

export type BackendOp =
  | { readonly type: 'put'; readonly key: Buffer; readonly value: Buffer }
  /** `was` is the record that is deleted; only index records need it, for the tally. */
  | { readonly type: 'del'; readonly key: Buffer; readonly was?: Buffer }

/** Keys with `start` <= key < `end`. */
export interface KeyBounds {
  readonly start: Buffer
  readonly end: Buffer
}

/** A view of the backend as it was when the snapshot was taken; must be closed. */
export interface BackendSnapshot {
  getMany(keys: readonly Buffer[]): Promise<(Buffer | undefined)[]>
  /** As Backend.scan, of the snapshot's moment. */
  scan(range: KeyBounds): AsyncIterable<readonly (readonly [Buffer, Buffer])[]>
  close(): Promise<void>
}

export interface Backend {
  /** Applies all or none. With `sync` it resolves when the bytes are on the disk. Rejections are final: see MvccStore. */
  commit(ops: readonly BackendOp[], options: { readonly sync: boolean }): Promise<void>
  getSync(key: Buffer): Buffer | undefined
  snapshot(): BackendSnapshot
  /** Entries with `start` <= key < `end` in order, in chunks, of the state at the time of the call. */
  scan(range: KeyBounds): AsyncIterable<readonly (readonly [Buffer, Buffer])[]>
  /** Bytes on the disk. */
  sizeBytes(): Promise<number>
  /** Gives the space of deleted entries back to the file system. */
  defragment(): Promise<void>
  close(): Promise<void>
}
