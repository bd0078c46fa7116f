/**
 * The recent events of one resource, for watchers that resume. Bounded by age, count and bytes; what falls out makes
 * older resourceVersions answer 410.
 *
 *     #head            #events.length
 *       ▼                    ▼
 *     [ · · e5 e6 e7 e8 e9 e10 ]     #oldest = revision of the last one dropped (a watch may start from there)
 */
import type { CacheEvent } from './cache-event.ts'

export interface RingLimits {
  readonly maxEvents: number
  readonly maxBytes: number
}

export const defaultRingLimits: RingLimits = { maxEvents: 10_000, maxBytes: 24 * 1024 * 1024 }

export class EventRing {
  readonly #limits: RingLimits
  #events: (CacheEvent | undefined)[] = []
  #head = 0
  #bytes = 0
  #oldest: number

  /** `revision` is that of the state before the first event. */
  constructor(revision: number, limits: RingLimits = defaultRingLimits) {
    this.#oldest = revision
    this.#limits = limits
  }

  /** The smallest revision after which all events are here. */
  get oldestRevision(): number {
    return this.#oldest
  }

  push(event: CacheEvent): void {
    this.#events.push(event)
    this.#bytes += event.entry.bytes.length
    while (this.#events.length - this.#head > this.#limits.maxEvents || this.#bytes > this.#limits.maxBytes) {
      if (!this.#dropOldest()) break
    }
  }

  /** Forgets events up to and including `revision`. */
  trim(revision: number): void {
    for (;;) {
      const event = this.#events[this.#head]
      if (event === undefined || event.revision > revision) return
      this.#dropOldest()
    }
  }

  /** Events after `revision` in order, or undefined if some of them are gone. */
  since(revision: number): CacheEvent[] | undefined {
    if (revision < this.#oldest) return undefined
    let low = this.#head
    let high = this.#events.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#events[middle]?.revision ?? 0) > revision) high = middle
      else low = middle + 1
    }
    return this.#events.slice(low).filter((event) => event !== undefined)
  }

  #dropOldest(): boolean {
    const event = this.#events[this.#head]
    if (event === undefined) return false
    this.#events[this.#head] = undefined
    this.#head++
    this.#bytes -= event.entry.bytes.length
    this.#oldest = event.revision
    if (this.#head > 1024 && this.#head * 2 > this.#events.length) {
      this.#events = this.#events.slice(this.#head)
      this.#head = 0
    }
    return true
  }
}
