/**
 * The index of all keys and their versions since the last compaction, and what the next compaction will find to
 * remove. It is pure memory; MvccStore keeps it in step with the backend.
 */
import type { KeyRange } from './key-range.ts'
import { SortedKeys } from './sorted-keys.ts'
import { KeyEntry, type Version } from './version.ts'

/** A version that nobody can see any more once the compacted revision has reached `obsoleteAt`. */
interface Garbage {
  readonly entry: KeyEntry
  readonly version: Version
  readonly obsoleteAt: number
}

/** The taken front of a queue is cut off in pieces of this size. */
const trimAt = 4096

/** Garbage in order of `obsoleteAt`: changes come in order of revisions. */
class GarbageQueue {
  #items: Garbage[] = []
  #start = 0

  push(item: Garbage): void {
    this.#items.push(item)
  }

  /** The next that is garbage at `compacted`. */
  take(compacted: number): Garbage | undefined {
    const item = this.#items[this.#start]
    if (item === undefined || item.obsoleteAt > compacted) return undefined
    this.#start++
    if (this.#start >= trimAt || this.#start === this.#items.length) {
      this.#items = this.#items.slice(this.#start)
      this.#start = 0
    }
    return item
  }
}

export class KeyIndex {
  readonly #keys = new SortedKeys<KeyEntry>()
  readonly #superseded = new GarbageQueue()
  readonly #tombstones = new GarbageQueue()

  /** Keys that exist at the newest revision. */
  #liveCount = 0

  get keyCount(): number {
    return this.#keys.size
  }

  get liveCount(): number {
    return this.#liveCount
  }

  get(key: string): KeyEntry | undefined {
    return this.#keys.get(key)
  }

  /** Records a change; returns the entry and the version that was the newest before. */
  apply(key: string, version: Version): { readonly entry: KeyEntry; readonly previous: Version | undefined } {
    const entry = this.#keys.get(key)
    if (entry === undefined) {
      const fresh = new KeyEntry(key, version)
      this.#keys.add(fresh)
      if (version.deleted) this.#addTombstone(fresh, version)
      else this.#liveCount++
      return { entry: fresh, previous: undefined }
    }
    const previous = entry.head
    entry.push(version)
    if (previous.deleted !== version.deleted) this.#liveCount += version.deleted ? -1 : 1
    // A tombstone that is overwritten is garbage on its own account already.
    if (!previous.deleted) this.#superseded.push({ entry, version: previous, obsoleteAt: version.main })
    if (version.deleted) this.#addTombstone(entry, version)
    return { entry, previous }
  }

  /** Calls `visit` for each key of the range that existed at `revision`, in order. */
  forEachAt(range: KeyRange, revision: number, visit: (entry: KeyEntry, version: Version) => void): void {
    if (range.type === 'key') {
      const entry = this.#keys.get(range.key)
      const version = entry?.at(revision)
      if (entry !== undefined && version !== undefined) visit(entry, version)
      return
    }
    this.#keys.forRange(range.start, range.end, (entry) => {
      const version = entry.at(revision)
      if (version !== undefined) visit(entry, version)
    })
  }

  /** Calls `visit` for each key of the range, deleted ones not yet compacted included. */
  forEachEntry(range: KeyRange, visit: (entry: KeyEntry) => void): void {
    if (range.type === 'range') {
      this.#keys.forRange(range.start, range.end, visit)
      return
    }
    const entry = this.#keys.get(range.key)
    if (entry !== undefined) visit(entry)
  }

  /**
   * Takes up to `limit` versions out of the index that are garbage at `compacted`; empty when there are no more.
   * They must leave the backend in this order: a put that outlived its tombstone would come back at a restart.
   */
  takeGarbage(compacted: number, limit: number): { readonly entry: KeyEntry; readonly version: Version }[] {
    const taken: Garbage[] = []
    while (taken.length < limit) {
      const item = this.#superseded.take(compacted) ?? this.#tombstones.take(compacted)
      if (item === undefined) break
      this.#forget(item.entry, item.version)
      taken.push(item)
    }
    return taken
  }

  /** A tombstone stays until the compacted revision has passed it: a watch may still begin at its revision. */
  #addTombstone(entry: KeyEntry, version: Version): void {
    this.#tombstones.push({ entry, version, obsoleteAt: version.main + 1 })
  }

  #forget(entry: KeyEntry, version: Version): void {
    if (entry.head !== version) entry.dropOlder(version)
    else this.#keys.delete(entry.key)
  }
}
