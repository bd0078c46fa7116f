/** What stands before every write. */
export interface WriteGuard {
  /** Runs a write of this cost; throws when the space quota forbids it, at once or after a look at the disk. */
  withSpace<T>(cost: number, write: () => Promise<T>): Promise<T>
  /** Throws while the store is said to be corrupt. */
  checkCorrupt(): void
}
