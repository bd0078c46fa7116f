/**
 * Reads and writes of one stored resource: the watch cache in front, the store behind.
 * Upstream: k8s.io/apiserver/pkg/storage (Interface), with the semantics of its resourceVersion parameters.
 */
import { alreadyExists, type GroupResource, isReason, notFound, StatusError } from '../../api/meta/status-error.ts'
import type { KubeObject } from '../../api/types.ts'
import { type Entry, encodeForStorage, entryFromStore, withRevision } from './encoding.ts'
import { ConversionError } from './key-value.ts'
import { equalJson } from './json.ts'
import type { KeyValue, KeyValueStore } from './key-value.ts'
import type { LeasePool } from './lease-pool.ts'
import type { EventSource } from './watch-cache/event-hub.ts'
import { WatchCache } from './watch-cache/watch-cache.ts'

/** What an update function decides, given the current object (undefined: there is none). */
export type Decision =
  | { readonly type: 'write'; readonly object: KubeObject }
  | { readonly type: 'delete' }
  /** Leave it as it is. */
  | { readonly type: 'keep' }

export type Decide = (current: KubeObject | undefined) => Promise<Decision> | Decision

export interface UpdateOutcome {
  readonly type: 'created' | 'updated' | 'unchanged' | 'deleted'
  /** The object after the change, or its last state if deleted. */
  readonly entry: Entry
}

export interface StoreDependencies {
  readonly store: KeyValueStore
  readonly hub: EventSource
  readonly leases: LeasePool
  /** The store's revision now, shared among concurrent readers. */
  readonly currentRevision: () => Promise<number>
}

export class ResourceStore {
  readonly prefix: string
  readonly groupResource: GroupResource
  readonly cache: WatchCache
  readonly #deps: StoreDependencies
  readonly #canonical: (object: KubeObject) => KubeObject

  constructor(
    prefix: string,
    groupResource: GroupResource,
    deps: StoreDependencies,
    canonical: (object: KubeObject) => KubeObject,
  ) {
    this.prefix = prefix
    this.groupResource = groupResource
    this.cache = new WatchCache(prefix, deps.store, deps.hub)
    this.#deps = deps
    this.#canonical = canonical
  }

  get keyValues(): KeyValueStore {
    return this.#deps.store
  }

  /** Waits until the cache is at least as new as the store is now. */
  async consistent(): Promise<void> {
    const [revision] = await Promise.all([this.#deps.currentRevision(), this.cache.ready()])
    await this.waitFor(revision)
  }

  async waitFor(revision: number): Promise<void> {
    await this.cache.ready()
    // While one waits the cache may lose its history, and read everything anew.
    while (!this.cache.isReady || this.cache.revision < revision) {
      await this.#deps.hub.waitFor(revision)
      await this.cache.ready()
    }
  }

  /** One object: as of now, or at least as new as `revision`. */
  async read(key: string, revision?: number): Promise<Entry | undefined> {
    if (!(await this.#isLoaded())) return this.getLive(key)
    if (revision === undefined) await this.consistent()
    else await this.waitFor(revision)
    return this.cache.get(key)
  }

  /** Straight from the store. */
  async getLive(key: string): Promise<Entry | undefined> {
    return (await this.#getLive(key)).entry
  }

  async #getLive(key: string): Promise<{ readonly entry: Entry | undefined; readonly stale: boolean }> {
    const { current } = await this.#deps.store.get(this.prefix + key)
    return current === undefined
      ? { entry: undefined, stale: false }
      : { entry: this.#entry(current), stale: current.stale === true }
  }

  /**
   * False where one object cannot be read or converted, and so the cache not be filled, or where another store takes its
   * place: the others are to be had from the store.
   */
  async #isLoaded(): Promise<boolean> {
    try {
      await this.cache.ready()
      return true
    } catch (error) {
      if (isReason(error, 'InternalError', 'TooManyRequests') || error instanceof ConversionError) return false
      throw error
    }
  }

  /** From the cache, or from the store if the cache does not have it (yet): for admission and authentication. */
  async getCached(key: string): Promise<Entry | undefined> {
    const cached = (await this.#isLoaded()) ? this.cache.get(key) : undefined
    return cached ?? (await this.getLive(key))
  }

  /** Throws AlreadyExists. `ttlSeconds` makes the object vanish by itself. */
  async create(key: string, given: KubeObject, ttlSeconds?: number): Promise<Entry> {
    const object = this.#canonical(given)
    const stored = encodeForStorage(object)
    const lease = ttlSeconds === undefined ? undefined : await this.#deps.leases(ttlSeconds)
    const result = await this.#put(key, object, stored, 0, lease)
    if (result.type === 'conflict') throw alreadyExists(this.groupResource, object.metadata?.name ?? key)
    return result.entry
  }

  /**
   * Reads, lets `decide` choose, and writes if nobody came between; else starts again with what is there now.
   * `decide` first sees the cached object: what it throws about a stale one is not believed until it has seen the
   * live one. A decision that changes nothing writes nothing. Upstream: GuaranteedUpdate.
   */
  async update(key: string, decide: Decide, ttlSeconds?: number): Promise<UpdateOutcome> {
    let current = (await this.#isLoaded()) ? this.cache.get(key) : undefined
    let live = current === undefined
    /** Of a live object: stored otherwise than it would be now. */
    let stale = false
    if (live) ({ entry: current, stale } = await this.#getLive(key))
    for (;;) {
      let decision: Decision
      try {
        decision = this.#canonicalDecision(await decide(current?.object))
      } catch (error) {
        if (live) throw error
        const fresh = await this.#getLive(key)
        live = true
        if (fresh.entry?.revision === current?.revision) throw error
        ;({ entry: current, stale } = fresh)
        continue
      }
      const unchanged =
        decision.type === 'keep' ||
        (decision.type === 'write' && current !== undefined && equalJson(decision.object, current.object))
      if (unchanged) {
        if (current === undefined) throw notFound(this.groupResource, nameOf(key))
        const seen = current.revision
        if (!live) ({ entry: current, stale } = await this.#getLive(key))
        live = true
        if (current?.revision !== seen) continue
        // Writing it again is how an administrator has it encrypted with a new key.
        if (!stale || decision.type === 'keep') return { type: 'unchanged', entry: current }
      }
      const outcome = await this.#attempt(key, decision, current, ttlSeconds)
      if (outcome.type === 'conflict') {
        current = outcome.current === undefined ? undefined : this.#entry(outcome.current)
        stale = outcome.current?.stale === true
        live = true
        continue
      }
      return outcome
    }
  }

  #canonicalDecision(decision: Decision): Decision {
    return decision.type === 'write' ? { type: 'write', object: this.#canonical(decision.object) } : decision
  }

  async #attempt(
    key: string,
    decision: Decision,
    current: Entry | undefined,
    ttlSeconds: number | undefined,
  ): Promise<UpdateOutcome | { readonly type: 'conflict'; readonly current: KeyValue | undefined }> {
    if (decision.type === 'write') {
      const stored = encodeForStorage(decision.object)
      const lease = ttlSeconds === undefined ? undefined : await this.#deps.leases(ttlSeconds)
      const result = await this.#put(key, decision.object, stored, current?.revision ?? 0, lease)
      if (result.type === 'conflict') return result
      return { type: current === undefined ? 'created' : 'updated', entry: result.entry }
    }
    if (current === undefined) throw notFound(this.groupResource, nameOf(key))
    const result = await this.#deps.store.delete(this.prefix + key, current.revision)
    return result.type === 'conflict' ? result : { type: 'deleted', entry: withRevision(current, result.revision) }
  }

  async #put(
    key: string,
    object: KubeObject,
    stored: Buffer,
    expected: number,
    lease: string | undefined,
  ): Promise<{ type: 'written'; entry: Entry } | { type: 'conflict'; current: KeyValue | undefined }> {
    this.cache.expectWrite(key, object, stored)
    try {
      const result = await this.#deps.store.put(this.prefix + key, stored, expected, lease)
      if (result.type === 'conflict') {
        this.cache.forgetWrite(key, stored)
        return result
      }
      if (result.value !== undefined) {
        this.cache.forgetWrite(key, stored)
        return { type: 'written', entry: entryFromStore(key, result.value, result.revision) }
      }
      return { type: 'written', entry: this.cache.entryOfWrite(key, object, stored, result.revision) }
    } catch (error) {
      this.cache.forgetWrite(key, stored)
      throw error
    }
  }

  #entry(item: KeyValue): Entry {
    try {
      return entryFromStore(item.key.slice(this.prefix.length), item.value, item.modRevision)
    } catch (error) {
      throw new StatusError('InternalError', `Internal error occurred: cannot decode ${item.key}`, { cause: error })
    }
  }
}

const nameOf = (key: string): string => key.slice(key.indexOf('/') + 1)
