/**
 * What the index knows of one change of one key. A version of 0 marks a deletion (a tombstone). `bytes` is the
 * encoded mvccpb.KeyValue, there while it is not yet on the disk or kept by the value cache.
 */
export class Version {
  readonly main: number
  readonly sub: number
  readonly create: number
  readonly version: number
  readonly lease: bigint
  bytes: Buffer | undefined
  /** Read since the value cache's hand passed. */
  recent = false

  constructor(main: number, sub: number, create: number, version: number, lease: bigint, bytes: Buffer | undefined) {
    this.main = main
    this.sub = sub
    this.create = create
    this.version = version
    this.lease = lease
    this.bytes = bytes
  }

  get deleted(): boolean {
    return this.version === 0
  }
}

/** Shared by all keys that have no history. */
const noVersions: Version[] = []

/** One key with its versions since the last compaction. Keys are byte strings, held as latin1: they sort as bytes do. */
export class KeyEntry {
  readonly key: string
  head: Version
  /** Versions before `head`, oldest first. */
  #older: Version[] = noVersions

  constructor(key: string, head: Version) {
    this.key = key
    this.head = head
  }

  get older(): readonly Version[] {
    return this.#older
  }

  push(version: Version): void {
    if (this.#older === noVersions) this.#older = [this.head]
    else this.#older.push(this.head)
    this.head = version
  }

  /** The key as it was at `revision`; undefined if it did not exist then. */
  at(revision: number): Version | undefined {
    const version = this.latestAt(revision)
    return version === undefined || version.deleted ? undefined : version
  }

  /** The same, but a deletion is returned too. */
  latestAt(revision: number): Version | undefined {
    if (this.head.main <= revision) return this.head
    let low = 0
    let high = this.#older.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const version = this.#older[middle]
      if (version !== undefined && version.main <= revision) low = middle + 1
      else high = middle
    }
    return this.#older[low - 1]
  }

  /** Forgets a version before `head`. */
  dropOlder(version: Version): void {
    const index = this.#older.indexOf(version)
    if (index < 0) return
    if (this.#older.length === 1) this.#older = noVersions
    else this.#older.splice(index, 1)
  }
}
