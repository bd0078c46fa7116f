/** What stands before every write. */
export interface WriteGuard {
  /** Throws when the space quota forbids a write of this cost, at once or after a look at the disk. */
  checkSpace(cost: number): Promise<void> | undefined
  /** Throws while the store is said to be corrupt. */
  checkCorrupt(): void
}
