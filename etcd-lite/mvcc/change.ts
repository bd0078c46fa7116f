import type { KeyEntry, Version } from './version.ts'

/** One key changed: what the index was told, and what watchers will be. */
export interface Change {
  readonly entry: KeyEntry
  readonly version: Version
  /** The key as it was before this revision, if it existed. */
  readonly previous: Version | undefined
  /** Encoded KeyValue of the new state; of a deletion, key and revision only. Held here until watchers have it. */
  readonly bytes: Buffer
}

/** All changes of one revision, in order. */
export interface Revision {
  readonly main: number
  readonly changes: readonly Change[]
}

/** What the store must know and tell about leases. */
export interface LeaseRegistry {
  has(id: bigint): boolean
  attach(id: bigint, key: string): void
  detach(id: bigint, key: string): void
}
