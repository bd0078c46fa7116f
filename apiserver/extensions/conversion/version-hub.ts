/**
 * The events of the store as one version of a custom resource sees them. What needs no webhook passes at once; the rest
 * waits in a queue until it is converted, in order. The revision stays behind the first event that waits, so nobody is
 * told that he has seen it.
 */
import type { Logger } from '../../../component-base/logging/logger.ts'
import type { StoreEvent } from '../../storage/key-value.ts'
import {
  type EventSource,
  freshnessTimeoutMs,
  type HubSubscriber,
  tooLargeResourceVersion,
} from '../../storage/watch-cache/event-hub.ts'
import type { ConversionMemory } from './version-store.ts'

/** Behind so many events a version reads everything anew. */
const maxQueued = 10_000
/** Events that are converted in one call. */
const perCall = 100

type Put = StoreEvent & { readonly type: 'put' }

export class VersionHub implements EventSource {
  readonly #hub: EventSource
  readonly #memory: ConversionMemory
  readonly #log: Logger
  #subscriber: HubSubscriber | undefined
  #inner: HubSubscriber | undefined
  #queue: StoreEvent[] = []
  #pumping = false
  /** Counts what makes the queue void. */
  #generation = 0
  #drained: (() => void)[] = []

  constructor(hub: EventSource, memory: ConversionMemory, log: Logger) {
    this.#hub = hub
    this.#memory = memory
    this.#log = log
  }

  get history() {
    return this.#hub.history
  }

  get revision(): number {
    const [first] = this.#queue
    return first === undefined ? this.#hub.revision : Math.min(first.revision - 1, this.#hub.revision)
  }

  add(subscriber: HubSubscriber): void {
    this.#void()
    this.#subscriber = subscriber
    // The same one each time: the hub may be in the middle of telling all of them.
    this.#inner ??= {
      prefix: subscriber.prefix,
      apply: (event) => this.#take(event),
      restart: () => this.#restart(),
    }
    this.#hub.add(this.#inner)
  }

  remove(_subscriber: HubSubscriber): void {
    if (this.#inner !== undefined) this.#hub.remove(this.#inner)
    this.#void()
  }

  async waitFor(revision: number): Promise<void> {
    await this.#hub.waitFor(revision)
    if (this.revision >= revision) return
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(tooLargeResourceVersion(revision, this.revision)), freshnessTimeoutMs)
    })
    try {
      while (this.revision < revision) {
        const drained = new Promise<void>((resolve) => void this.#drained.push(resolve))
        await Promise.race([drained, late])
      }
    } finally {
      clearTimeout(timer)
    }
  }

  #void(): void {
    this.#generation++
    this.#queue = []
    this.#wake()
  }

  #wake(): void {
    const waiting = this.#drained
    this.#drained = []
    for (const resolve of waiting) resolve()
  }

  #restart(): void {
    this.#void()
    this.#subscriber?.restart()
  }

  #take(event: StoreEvent): void {
    if (this.#queue.length === 0) {
      if (event.type === 'delete') return this.#subscriber?.apply(event)
      const shown = this.#memory.show([event])
      if (!(shown instanceof Promise)) return this.#pass(event, shown[0])
      // The queue asks again, and is given the same conversion.
      shown.catch(() => undefined)
    }
    this.#queue.push(event)
    if (this.#queue.length > maxQueued) return this.#restart()
    if (!this.#pumping) void this.#pump()
  }

  #pass(event: Put, value: Buffer | undefined): void {
    this.#subscriber?.apply(value === undefined ? event : { ...event, value })
  }

  async #pump(): Promise<void> {
    this.#pumping = true
    while (this.#queue.length > 0) {
      const generation = this.#generation
      const batch = this.#queue.slice(0, perCall)
      const puts = batch.filter((event): event is Put => event.type === 'put')
      try {
        const values = await this.#memory.show(puts)
        if (generation !== this.#generation) continue
        const shown = new Map(puts.map((put, index) => [put, values[index]]))
        for (const event of batch) {
          if (event.type === 'delete') this.#subscriber?.apply(event)
          else this.#pass(event, shown.get(event))
          this.#queue.shift()
        }
        this.#wake()
      } catch (err) {
        if (generation !== this.#generation) continue
        this.#log.warn({ err, key: batch[0]?.key }, 'an event cannot be converted, its version is read anew')
        this.#restart()
      }
    }
    this.#pumping = false
  }
}
