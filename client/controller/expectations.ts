/** What a controller has asked for and has not seen in its cache yet. Upstream: ControllerExpectations. */
import { type Clock, realClock } from '../../component-base/clock.ts'

/** After this time the events are believed lost, and the cache is trusted again. */
const expiryMs = 5 * 60_000

interface Expectation {
  adds: number
  deletes: Set<string>
  readonly setAt: number
}

/** Without it, a controller that reads a cache older than its own writes would create or delete twice. */
export class ControllerExpectations {
  readonly #entries = new Map<string, Expectation>()
  readonly #clock: Clock

  constructor(clock: Clock = realClock) {
    this.#clock = clock
  }

  /** True if everything was seen, or nothing is expected, or it is too long ago. */
  satisfied(key: string): boolean {
    const entry = this.#entries.get(key)
    if (entry === undefined) return true
    return (entry.adds <= 0 && entry.deletes.size === 0) || this.#clock.now() - entry.setAt > expiryMs
  }

  expectCreations(key: string, count: number): void {
    this.#entries.set(key, { adds: count, deletes: new Set(), setAt: this.#clock.now() })
  }

  /** `ids`: what deletion events will be told by. */
  expectDeletions(key: string, ids: Iterable<string>): void {
    this.#entries.set(key, { adds: 0, deletes: new Set(ids), setAt: this.#clock.now() })
  }

  creationObserved(key: string): void {
    const entry = this.#entries.get(key)
    if (entry !== undefined) entry.adds--
  }

  /** Creations that failed or were never tried. */
  creationsFailed(key: string, count: number): void {
    const entry = this.#entries.get(key)
    if (entry !== undefined) entry.adds -= count
  }

  deletionObserved(key: string, id: string): void {
    this.#entries.get(key)?.deletes.delete(id)
  }

  delete(key: string): void {
    this.#entries.delete(key)
  }
}
