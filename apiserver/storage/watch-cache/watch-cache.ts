/**
 * The state of one resource in memory, with its recent history: serves get, list and watch.
 * Upstream: k8s.io/apiserver/pkg/storage/cacher
 *
 * Life: *idle* until first asked, *loading* while the initial list runs and events are kept aside, *ready* afterwards;
 * *retired* when another takes its place.
 * Writes put their object into `pending` first, so that the event which comes back need not be parsed.
 */
import { setImmediate as immediate } from 'node:timers/promises'
import { type StatusError, tooManyRequests } from '../../../api/meta/status-error.ts'
import type { KubeObject } from '../../../api/types.ts'
import { type Entry, entryFromStore, entryFromWrite } from '../encoding.ts'
import type { StoredEntry } from '../entry.ts'
import type { KeyValueStore, ListPage, StoreEvent } from '../key-value.ts'
import { prefixEnd } from '../keys.ts'
import { CacheEvent, type Change } from './cache-event.ts'
import type { EventSource, HubSubscriber } from './event-hub.ts'
import { EventRing } from './event-ring.ts'
import { SortedKeys } from './sorted-keys.ts'

/** Receives events in order, synchronously: it may not block and may not throw. */
export interface CacheWatcher {
  onEvent(event: CacheEvent): void
  /** The cache lost its history or goes away: end the stream, the client will list again. */
  onRestart(): void
}

interface PendingWrite {
  readonly object: KubeObject
  readonly stored: Buffer
  entry?: StoredEntry
}

type State =
  | { readonly type: 'idle' }
  | { readonly type: 'loading'; readonly buffered: StoreEvent[]; readonly done: Promise<void> }
  | { readonly type: 'ready' }
  | { readonly type: 'retired' }

const initialListPageSize = 500
/** Bounds `pending`: a write whose event never comes back (lost leadership of the store) must not leak. */
const maxPendingWrites = 10_000

/** Upstream: what its cacher says while it is not ready. */
export const reinitializing = (): StatusError => tooManyRequests('storage is (re)initializing', 1)

export class WatchCache implements HubSubscriber {
  readonly prefix: string
  readonly #store: KeyValueStore
  readonly #hub: EventSource
  readonly #entries = new Map<string, StoredEntry>()
  readonly #keys = new SortedKeys()
  readonly #pending = new Map<string, PendingWrite>()
  readonly #watchers = new Set<CacheWatcher>()
  readonly #listeners = new Set<() => void>()
  #ring: EventRing
  #state: State = { type: 'idle' }
  #lastChange = 0
  #sizeBytes = 0
  #loadedAt = 0

  constructor(prefix: string, store: KeyValueStore, hub: EventSource) {
    this.prefix = prefix
    this.#store = store
    this.#hub = hub
    this.#ring = new EventRing(0, hub.history)
  }

  /** Revision of the newest change of this resource that is in here. */
  get lastChange(): number {
    return this.#lastChange
  }
  /** The state here is that of this revision: what lists and bookmarks carry. */
  get revision(): number {
    return Math.max(this.#hub.revision, this.#loadedAt)
  }
  get oldestRevision(): number {
    return this.#ring.oldestRevision
  }
  get isReady(): boolean {
    return this.#state.type === 'ready'
  }
  get size(): number {
    return this.#entries.size
  }
  /** JSON of all current objects. */
  get sizeBytes(): number {
    return this.#sizeBytes
  }
  get watcherCount(): number {
    return this.#watchers.size
  }

  /** Resolves when the cache holds the resource; starts it if need be. */
  async ready(): Promise<void> {
    if (this.#state.type === 'ready') return
    if (this.#state.type === 'loading') return this.#state.done
    if (this.#state.type === 'retired') throw reinitializing()
    const buffered: StoreEvent[] = []
    const done = this.#load(buffered)
    this.#state = { type: 'loading', buffered, done }
    return done
  }

  get(key: string): Entry | undefined {
    return this.#entries.get(key)
  }

  /** Entries whose key has the prefix (`ns/` or ''), in key order, from `start` on. */
  range(prefix = '', start = ''): Entry[] {
    const entries: Entry[] = []
    for (const key of this.#keys.range(prefix, start)) {
      const entry = this.#entries.get(key)
      if (entry !== undefined) entries.push(entry)
    }
    return entries
  }

  /** All entries, in no particular order. */
  values(): IterableIterator<Entry> {
    return this.#entries.values()
  }

  /** The first changes after `revision`, or undefined if the history does not reach back that far. */
  changesSince(revision: number, limit?: number): Change[] | undefined {
    return this.#ring.since(revision, limit)
  }

  watch(watcher: CacheWatcher): () => void {
    this.#watchers.add(watcher)
    return () => this.#watchers.delete(watcher)
  }

  /** Called after every change; for in-process users that derive something from the whole (RBAC rules). */
  onChange(listener: () => void): void {
    this.#listeners.add(listener)
  }

  /** Forgets history up to `revision`, but for the newest few changes. */
  trim(revision: number, kept?: number): void {
    this.#ring.trim(revision, kept)
  }

  /** Announces a write that is about to be sent. */
  expectWrite(key: string, object: KubeObject, stored: Buffer): void {
    if (this.#pending.size >= maxPendingWrites) this.#pending.clear()
    this.#pending.set(key, { object, stored })
  }

  forgetWrite(key: string, stored: Buffer): void {
    if (this.#pending.get(key)?.stored === stored) this.#pending.delete(key)
  }

  /** The entry of a write that succeeded: shared with the event, whichever comes first. */
  entryOfWrite(key: string, object: KubeObject, stored: Buffer, revision: number): StoredEntry {
    const known = this.#entries.get(key)
    if (known?.revision === revision) return known
    const entry = entryFromWrite(key, object, stored, revision)
    const pending = this.#pending.get(key)
    if (pending?.stored === stored) pending.entry = entry
    return entry
  }

  apply(event: StoreEvent): void {
    if (this.#state.type === 'loading') this.#state.buffered.push(event)
    else if (this.#state.type === 'ready') this.#applyNow(event)
  }

  /** Ends its watches and its work: what asks it from now on is told to try again. */
  retire(): void {
    this.#state = { type: 'retired' }
    this.#hub.remove(this)
    this.#ring.close()
    this.#endWatches()
  }

  restart(): void {
    if (this.#state.type === 'retired') return
    const buffered: StoreEvent[] = []
    const done = this.#load(buffered)
    // Whoever asks next tries again: a failure here has nobody to go to.
    done.catch(() => {})
    this.#state = { type: 'loading', buffered, done }
    this.#endWatches()
  }

  #endWatches(): void {
    const watchers = [...this.#watchers]
    this.#watchers.clear()
    for (const watcher of watchers) watcher.onRestart()
  }

  async #load(buffered: StoreEvent[]): Promise<void> {
    this.#hub.add(this)
    try {
      const { entries, revision } = await this.#listAll()
      // What was begun anew meanwhile, or is not wanted any more, is not this list's to fill.
      if (!this.#isLoading(buffered)) return await this.ready()
      this.#entries.clear()
      for (const entry of entries) this.#entries.set(entry.key, entry)
      this.#sizeBytes = entries.reduce((sum, { bytes }) => sum + bytes.length, 0)
      this.#keys.replace(entries.map((entry) => entry.key))
      this.#ring.close()
      this.#ring = new EventRing(revision, this.#hub.history)
      this.#loadedAt = revision
      this.#lastChange = entries.reduce((latest, entry) => Math.max(latest, entry.revision), 0)
      // Nothing between here and the last buffered event may await: the hub delivers synchronously.
      for (const event of buffered) this.#applyNow(event)
      this.#state = { type: 'ready' }
    } catch (error) {
      if (this.#isLoading(buffered)) {
        this.#hub.remove(this)
        this.#state = { type: 'idle' }
      }
      throw error
    }
    for (const listener of this.#listeners) listener()
  }

  #isLoading(buffered: StoreEvent[]): boolean {
    return this.#state.type === 'loading' && this.#state.buffered === buffered
  }

  /** The whole resource at one revision, page by page: others get their turn, and no single answer grows too large. */
  async #listAll(): Promise<{ entries: StoredEntry[]; revision: number }> {
    const end = prefixEnd(this.prefix)
    const entries: StoredEntry[] = []
    let start = this.prefix
    let revision = 0
    for (;;) {
      const page: ListPage = await this.#store.list({ start, end, limit: initialListPageSize, revision })
      if (revision === 0) ({ revision } = page)
      for (const { key, value, modRevision } of page.items) {
        entries.push(entryFromStore(key.slice(this.prefix.length), value, modRevision))
      }
      const last = page.items.at(-1)
      if (!page.more || last === undefined) return { entries, revision }
      start = `${last.key}\0`
      await immediate()
    }
  }

  #applyNow(event: StoreEvent): void {
    // The list was ahead of the hub: what it already holds must not be played again.
    if (event.revision <= this.#loadedAt) return
    const key = event.key.slice(this.prefix.length)
    const { revision } = event
    const previous = this.#entries.get(key)
    this.#lastChange = revision
    this.#sizeBytes -= previous?.bytes.length ?? 0
    if (event.type === 'delete') {
      if (previous === undefined) return
      this.#entries.delete(key)
      this.#keys.remove(key)
      this.#publish({ type: 'DELETED', revision, previous })
    } else {
      const entry = this.#entryOf(key, event)
      this.#entries.set(key, entry)
      this.#sizeBytes += entry.bytes.length
      if (previous === undefined) this.#keys.add(key)
      this.#publish({ type: previous === undefined ? 'ADDED' : 'MODIFIED', revision, entry, previous })
    }
    // Watchers have compared it with the new version: from here on it is history.
    previous?.supersede()
  }

  #entryOf(key: string, event: StoreEvent & { type: 'put' }): StoredEntry {
    const pending = this.#pending.get(key)
    if (pending?.stored.equals(event.value) === true) {
      this.#pending.delete(key)
      return pending.entry ?? entryFromWrite(key, pending.object, pending.stored, event.revision)
    }
    return entryFromStore(key, event.value, event.revision)
  }

  #publish(change: Change): void {
    this.#ring.push(change)
    const event = new CacheEvent(change)
    for (const watcher of this.#watchers) watcher.onEvent(event)
    for (const listener of this.#listeners) listener()
  }
}
