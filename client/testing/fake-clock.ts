import type { Clock, TimerHandle } from '../../component-base/clock.ts'

interface Timer {
  readonly at: number
  readonly callback: () => void
}

/** A clock for tests that stands still until it is told to go on. */
export class FakeClock implements Clock {
  #now: number
  readonly #timers = new Map<TimerHandle, Timer>()

  constructor(now = Date.UTC(2026, 0, 1)) {
    this.#now = now
  }

  readonly now = (): number => this.#now

  readonly setTimeout = (callback: () => void, ms: number): TimerHandle => {
    // A real handle that never fires: callers may unref it.
    const handle = setTimeout(() => undefined, 2 ** 31 - 1).unref()
    clearTimeout(handle)
    this.#timers.set(handle, { at: this.#now + Math.max(0, ms), callback })
    return handle
  }

  readonly clearTimeout = (timer: TimerHandle): void => {
    this.#timers.delete(timer)
  }

  get timers(): number {
    return this.#timers.size
  }

  /** Lets time pass: fires what is due, in order, and lets promises settle after each. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms
    await settle()
    for (let next = this.#nextDue(end); next !== undefined; next = this.#nextDue(end)) {
      const [handle, { at, callback }] = next
      this.#timers.delete(handle)
      this.#now = Math.max(this.#now, at)
      callback()
      await settle()
    }
    this.#now = end
  }

  #nextDue(end: number): [TimerHandle, Timer] | undefined {
    let first: [TimerHandle, Timer] | undefined
    for (const entry of this.#timers)
      if (entry[1].at <= end && (first === undefined || entry[1].at < first[1].at)) first = entry
    return first
  }
}

/** Lets all promises that can settle do so. */
export const settle = (): Promise<void> => new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
