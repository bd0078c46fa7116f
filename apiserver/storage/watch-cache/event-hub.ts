/**
 * One watch on the whole store feeds all watch caches. Because every revision of the store passes here, "caught up to
 * revision R" is known exactly, for all resources at once: that is what makes consistent reads from memory cheap and
 * bookmarks of idle resources fresh.
 *
 * Guarantees: events reach a cache in revision order, each once; `revision` moves only after all caches have seen the
 * events up to it. When the watch breaks it resumes from `revision`; if that has been compacted, every cache is told
 * to start over.
 */
import { StatusError } from '../../../api/meta/status-error.ts'
import { sleep } from '../../../component-base/clock.ts'
import type { Logger } from '../../../component-base/logging/logger.ts'
import { CompactedError, type KeyValueStore, type StoreEvent, type StoreEvents } from '../key-value.ts'
import { HistoryBudget } from './history-budget.ts'

/** What feeds a watch cache. */
export interface EventSource {
  /** What the histories of all caches may take together. */
  readonly history: HistoryBudget
  /** All events up to here have been applied. */
  readonly revision: number
  add(subscriber: HubSubscriber): void
  remove(subscriber: HubSubscriber): void
  /** Waits until `revision` has been applied; after 3 s throws what upstream answers: retry, too large version. */
  waitFor(revision: number): Promise<void>
}

export interface HubSubscriber {
  /** Keys that begin with it, both slashes included. */
  readonly prefix: string
  apply(event: StoreEvent): void
  /** History was lost: all that is known is stale. */
  restart(): void
}

const none: ReadonlySet<HubSubscriber> = new Set()

interface Waiter {
  readonly revision: number
  readonly resolve: () => void
}

/** How long a read waits for the cache to catch up. Upstream: blockTimeout of the watch cache. */
export const freshnessTimeoutMs = 3000

export class EventHub implements EventSource {
  readonly history = new HistoryBudget()
  readonly #store: KeyValueStore
  readonly #log: Logger
  readonly #root: string
  /** By prefix: versions of a custom resource have a cache each. */
  readonly #subscribers = new Map<string, Set<HubSubscriber>>()
  #waiters: Waiter[] = []
  #revision = 0

  constructor(store: KeyValueStore, root: string, log: Logger) {
    this.#store = store
    this.#root = `${root}/`
    this.#log = log
  }

  get revision(): number {
    return this.#revision
  }

  add(subscriber: HubSubscriber): void {
    const others = this.#subscribers.get(subscriber.prefix)
    if (others === undefined) this.#subscribers.set(subscriber.prefix, new Set([subscriber]))
    else others.add(subscriber)
  }

  remove(subscriber: HubSubscriber): void {
    const others = this.#subscribers.get(subscriber.prefix)
    if (others?.delete(subscriber) === true && others.size === 0) this.#subscribers.delete(subscriber.prefix)
  }

  /** Starts at the store's present revision; resolves when known. The watch runs until the signal. */
  async start(signal: AbortSignal): Promise<void> {
    this.#revision = await this.#store.currentRevision()
    void this.#run(signal)
  }

  async waitFor(revision: number): Promise<void> {
    if (this.#revision >= revision) return
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiters = this.#waiters.filter((waiter) => waiter !== entry)
        reject(tooLargeResourceVersion(revision, this.#revision))
      }, freshnessTimeoutMs)
      const entry: Waiter = {
        revision,
        resolve: () => {
          clearTimeout(timer)
          resolve()
        },
      }
      this.#waiters.push(entry)
    })
  }

  async #run(signal: AbortSignal): Promise<void> {
    let delayMs = 50
    while (!signal.aborted) {
      try {
        for await (const batch of this.#store.watch(this.#revision, signal)) {
          this.#apply(batch)
          delayMs = 50
        }
      } catch (error) {
        if (signal.aborted) return
        if (error instanceof CompactedError) await this.#startOver(signal)
        else this.#log.warn({ err: error }, 'watch on the store broke, resuming')
      }
      if (signal.aborted) return
      await sleep(delayMs, signal).catch(() => {})
      delayMs = Math.min(delayMs * 2, 2000)
    }
  }

  async #startOver(signal: AbortSignal): Promise<void> {
    this.#log.warn({ revision: this.#revision }, 'history of the store was compacted away, reading all caches anew')
    while (!signal.aborted) {
      try {
        const revision = await this.#store.currentRevision()
        for (const subscribers of this.#subscribers.values()) for (const one of subscribers) one.restart()
        this.#advance(revision)
        return
      } catch (error) {
        this.#log.warn({ err: error }, 'cannot reach the store')
        await sleep(500, signal).catch(() => {})
      }
    }
  }

  #apply(batch: StoreEvents): void {
    for (const event of batch.events) {
      for (const subscriber of this.#subscribersOf(event.key) ?? none) this.#tell(subscriber, event)
    }
    if (batch.revision > this.#revision) this.#advance(batch.revision)
  }

  #tell(subscriber: HubSubscriber, event: StoreEvent): void {
    try {
      subscriber.apply(event)
    } catch (error) {
      this.#log.error({ err: error, key: event.key }, 'cannot apply an event of the store')
      // What cannot be read cannot be passed over: the cache would go on with what was there before.
      subscriber.restart()
    }
  }

  #advance(revision: number): void {
    this.#revision = revision
    if (this.#waiters.length === 0) return
    const ready = this.#waiters.filter((waiter) => waiter.revision <= this.#revision)
    if (ready.length === 0) return
    this.#waiters = this.#waiters.filter((waiter) => waiter.revision > this.#revision)
    for (const waiter of ready) waiter.resolve()
  }

  /** Prefixes have one segment below the root (`pods`) or two (`services/specs`, `<group>/<plural>`). */
  #subscribersOf(key: string): ReadonlySet<HubSubscriber> | undefined {
    if (!key.startsWith(this.#root)) return undefined
    const first = key.indexOf('/', this.#root.length)
    if (first < 0) return undefined
    const found = this.#subscribers.get(key.slice(0, first + 1))
    if (found !== undefined) return found
    const second = key.indexOf('/', first + 1)
    return second < 0 ? undefined : this.#subscribers.get(key.slice(0, second + 1))
  }
}

/** Upstream: storage.NewTooLargeResourceVersionError; client-go retries on its cause. */
export const tooLargeResourceVersion = (asked: number, current: number): StatusError =>
  new StatusError('Timeout', `Too large resource version: ${asked}, current: ${current}`, {
    details: {
      causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
      retryAfterSeconds: 1,
    },
  })
