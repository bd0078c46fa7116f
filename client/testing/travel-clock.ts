import type { Clock, TimerHandle } from '../../component-base/clock.ts'

interface Timer {
  readonly at: number
  readonly callback: () => void
  handle: TimerHandle
}

/**
 * A clock that goes as the real one does and can be put forward: what is due by then fires at once. For tests of
 * controllers against a real API server, whose own clock stays where it is.
 */
export class TravelClock implements Clock {
  #offset = 0
  #armed = 0
  readonly #timers = new Map<TimerHandle, Timer>()

  readonly now = (): number => Date.now() + this.#offset

  readonly setTimeout = (callback: () => void, ms: number): TimerHandle => {
    const at = this.now() + Math.max(0, ms)
    this.#armed += 1
    // The first handle stays the timer's name, whatever it is armed with later.
    const id = this.#arm(() => this.#fire(id), at)
    this.#timers.set(id, { at, callback, handle: id })
    return id
  }

  readonly clearTimeout = (id: TimerHandle): void => {
    const timer = this.#timers.get(id)
    if (timer !== undefined) clearTimeout(timer.handle)
    this.#timers.delete(id)
  }

  /** How often a timer was set: as long as it grows, somebody is at work. */
  get armed(): number {
    return this.#armed
  }

  /** Puts the clock forward. Who is in the middle of something has taken the old time for the present. */
  travel(ms: number): void {
    this.#offset += ms
    for (const [id, timer] of this.#timers) {
      clearTimeout(timer.handle)
      timer.handle = this.#arm(() => this.#fire(id), timer.at)
    }
  }

  #arm(callback: () => void, at: number): TimerHandle {
    return setTimeout(callback, Math.min(Math.max(0, at - this.now()), 2 ** 31 - 1))
  }

  #fire(id: TimerHandle): void {
    const timer = this.#timers.get(id)
    if (timer === undefined) return
    if (timer.at > this.now()) {
      timer.handle = this.#arm(() => this.#fire(id), timer.at)
      return
    }
    this.#timers.delete(id)
    timer.callback()
  }
}
