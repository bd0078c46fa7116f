/** Thrown when a start finds that the store is not what was written: it must not be served. */
export class CorruptStoreError extends Error {
  constructor(what: string, options?: ErrorOptions) {
    super(
      `the store is corrupt: ${what}. It is not served; restore it from a snapshot into a new data directory`,
      options,
    )
    this.name = 'CorruptStoreError'
  }
}
