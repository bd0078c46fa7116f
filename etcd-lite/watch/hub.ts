/**
 * Tells watchers of changes.
 *
 *     added → catching up ──(has everything)──► synced ──(its client is slow)──► catching up …
 *
 * Guarantees: a watcher gets every change of its range from its first revision on, in order, each once, whole
 * revisions at a time, and only what is on the disk; or it is told the compacted revision and ends. The writer never
 * waits for a watcher: one whose connection has too much buffered is taken off and reads history later, so that what
 * is held for it in memory is bounded.
 */
import type { Change, Revision } from '../mvcc/change.ts'
import type { MvccStore } from '../mvcc/store.ts'
import { readHistory } from './catch-up.ts'
import { encodeEvent, type RevisionEvents, sendProgress, sendRevisions } from './encode.ts'
import type { Watcher } from './watcher.ts'

/** A synced watcher with more than this in its connection's buffer is slow. */
const slowBytes = 4 << 20
/** What etcd says of a store that was never compacted, to who asks for a time before all revisions. */
const neverCompacted = -1

export interface WatchHubOptions {
  readonly store: MvccStore
  /** A watcher's history was compacted away: it must be ended with this revision. */
  readonly onCompacted: (watcher: Watcher, compactRevision: number) => void
  readonly onSynced: (watcher: Watcher) => void
  readonly onFailed: (watcher: Watcher, err: unknown) => void
}

/** Events on their way, by watcher, whole revisions. */
type Outgoing = Map<Watcher, { main: number; events: Buffer[] }[]>

const noWatchers: ReadonlySet<Watcher> = new Set()

/** A change with its event, encoded at the first watcher that wants it, with and without the previous value. */
class SharedEvent {
  readonly change: Change
  readonly #store: MvccStore
  #plain: Buffer | undefined
  #withPrevious: Buffer | undefined

  constructor(store: MvccStore, change: Change) {
    this.#store = store
    this.change = change
  }

  encoded(withPrevious: boolean): Buffer {
    const { entry, version, previous, bytes } = this.change
    const type = version.deleted ? 'delete' : 'put'
    if (withPrevious && previous !== undefined) {
      this.#withPrevious ??= encodeEvent(type, bytes, this.#store.bytesOf({ entry, version: previous }))
      return this.#withPrevious
    }
    this.#plain ??= encodeEvent(type, bytes, undefined)
    return this.#plain
  }
}

export class WatchHub {
  readonly #options: WatchHubOptions
  readonly #byKey = new Map<string, Set<Watcher>>()
  readonly #byRange = new Set<Watcher>()
  readonly #unsubscribe: () => void
  /** Events that watchers were sent since the start. */
  eventsSent = 0

  constructor(options: WatchHubOptions) {
    this.#options = options
    this.#unsubscribe = options.store.subscribe((revisions) => this.#publish(revisions))
  }

  /** Begins to serve a watcher. */
  add(watcher: Watcher): void {
    if (watcher.next > this.#options.store.revision) this.#join(watcher)
    else this.#startCatchUp(watcher)
  }

  remove(watcher: Watcher): void {
    watcher.state = 'closed'
    this.#leave(watcher)
  }

  /** Tells synced watchers that asked for it, and had nothing since the last time, how far they are. */
  notifyProgress(): void {
    const { revision } = this.#options.store
    const notify = (watcher: Watcher): void => {
      if (watcher.spec.progressNotify && !watcher.active && watcher.next <= revision + 1)
        sendProgress(watcher, revision)
      watcher.active = false
    }
    for (const watcher of this.#byRange) notify(watcher)
    for (const watchers of this.#byKey.values()) for (const watcher of watchers) notify(watcher)
  }

  close(): void {
    this.#unsubscribe()
  }

  #publish(revisions: readonly Revision[]): void {
    if (this.#byRange.size === 0 && this.#byKey.size === 0) return
    const outgoing: Outgoing = new Map()
    for (const { main, changes } of revisions) {
      for (const change of changes) {
        const event = new SharedEvent(this.#options.store, change)
        const { key } = change.entry
        for (const watchers of [this.#byRange, this.#byKey.get(key) ?? noWatchers]) {
          for (const watcher of watchers) if (watcher.wants(key, change)) this.#give(outgoing, watcher, main, event)
        }
      }
    }
    const { revision } = this.#options.store
    for (const [watcher, batch] of outgoing) this.#deliver(watcher, revision, batch)
  }

  #give(outgoing: Outgoing, watcher: Watcher, main: number, event: SharedEvent): void {
    try {
      give(outgoing, watcher, main, event)
    } catch (err) {
      // Its previous value is damaged on the disk: that ends this watch, not the commit that everybody waits for.
      outgoing.delete(watcher)
      this.remove(watcher)
      this.#options.onFailed(watcher, err)
    }
  }

  #deliver(watcher: Watcher, revision: number, batch: readonly RevisionEvents[]): void {
    if (watcher.sink.bufferedBytes > slowBytes) {
      this.#leave(watcher)
      watcher.next = batch[0]?.main ?? revision + 1
      this.#startCatchUp(watcher)
      return
    }
    watcher.next = revision + 1
    this.#countEvents(batch)
    sendRevisions(watcher, revision, batch)
  }

  #startCatchUp(watcher: Watcher): void {
    watcher.state = 'catching up'
    this.#catchUp(watcher).catch((err: unknown) => this.#options.onFailed(watcher, err))
  }

  async #catchUp(watcher: Watcher): Promise<void> {
    const { store, onCompacted } = this.#options
    for (;;) {
      await watcher.sink.drained()
      if (watcher.state === 'closed') return
      const compacted = store.compactedRevision === 0 ? neverCompacted : store.compactedRevision
      if (watcher.next < compacted) {
        onCompacted(watcher, compacted)
        return
      }
      // From here to the join nothing is awaited: no revision can slip between history and live.
      if (watcher.next > store.revision) {
        this.#join(watcher)
        return
      }
      for await (const { complete, revisions } of readHistory(store, watcher, store.revision)) {
        if (isClosed(watcher)) return
        this.#countEvents(revisions)
        sendRevisions(watcher, complete, revisions)
        watcher.next = complete + 1
        if (watcher.sink.bufferedBytes > slowBytes) await watcher.sink.drained()
      }
    }
  }

  #countEvents(revisions: readonly RevisionEvents[]): void {
    for (const { events } of revisions) this.eventsSent += events.length
  }

  #join(watcher: Watcher): void {
    watcher.state = 'synced'
    const { range } = watcher.spec
    if (range.type === 'range') this.#byRange.add(watcher)
    else {
      const watchers = this.#byKey.get(range.key)
      if (watchers === undefined) this.#byKey.set(range.key, new Set([watcher]))
      else watchers.add(watcher)
    }
    this.#options.onSynced(watcher)
  }

  #leave(watcher: Watcher): void {
    const { range } = watcher.spec
    if (range.type === 'range') {
      this.#byRange.delete(watcher)
      return
    }
    const watchers = this.#byKey.get(range.key)
    watchers?.delete(watcher)
    if (watchers?.size === 0) this.#byKey.delete(range.key)
  }
}

/** Asked anew after every await: the state changes under a running loop. */
const isClosed = (watcher: Watcher): boolean => watcher.state === 'closed'

const give = (outgoing: Outgoing, watcher: Watcher, main: number, event: SharedEvent): void => {
  if (main < watcher.next) return
  const encoded = event.encoded(watcher.spec.prevKv)
  const batch = outgoing.get(watcher)
  if (batch === undefined) {
    outgoing.set(watcher, [{ main, events: [encoded] }])
    return
  }
  const last = batch.at(-1)
  if (last?.main === main) last.events.push(encoded)
  else batch.push({ main, events: [encoded] })
}
