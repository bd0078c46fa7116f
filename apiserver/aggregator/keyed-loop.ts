/** Work by key: one at a time for each, again after a failure with growing pauses, and every half minute anyhow. */
import { Backoff } from '../../component-base/backoff.ts'
import { type Clock, type TimerHandle } from '../../component-base/clock.ts'

export interface KeyedLoopOptions {
  readonly clock: Clock
  /** Rejects to be called again soon. Resolves to whether the key is to be looked at again later. */
  readonly work: (key: string) => Promise<boolean>
  readonly onError: (key: string, error: unknown) => void
  readonly resyncMs: number
}

interface KeyState {
  running: boolean
  dirty: boolean
  timer: TimerHandle | undefined
  readonly backoff: Backoff
}

/** Upstream: the exponential failure rate limiter of the availability controller. */
const firstRetryMs = 5
const maxRetryMs = 30_000

export class KeyedLoop {
  readonly #options: KeyedLoopOptions
  readonly #states = new Map<string, KeyState>()
  #stopped = false

  constructor(options: KeyedLoopOptions) {
    this.#options = options
  }

  /** Looks at the key now, or once more after the look that is under way. */
  add(key: string): void {
    if (this.#stopped) return
    let state = this.#states.get(key)
    if (state === undefined) {
      const backoff = new Backoff({ initialMs: firstRetryMs, maxMs: maxRetryMs })
      state = { running: false, dirty: false, timer: undefined, backoff }
      this.#states.set(key, state)
    }
    state.dirty = true
    if (!state.running) void this.#run(key, state)
  }

  stop(): void {
    this.#stopped = true
    for (const { timer } of this.#states.values()) if (timer !== undefined) this.#options.clock.clearTimeout(timer)
    this.#states.clear()
  }

  async #run(key: string, state: KeyState): Promise<void> {
    const { clock, work, onError, resyncMs } = this.#options
    state.running = true
    if (state.timer !== undefined) clock.clearTimeout(state.timer)
    let nextMs: number | undefined
    while (state.dirty && !this.#stopped) {
      state.dirty = false
      try {
        nextMs = (await work(key)) ? resyncMs : undefined
        state.backoff.reset()
      } catch (error) {
        onError(key, error)
        nextMs = state.backoff.next()
      }
    }
    state.running = false
    if (this.#stopped) return
    if (nextMs === undefined) this.#states.delete(key)
    else {
      state.timer = clock.setTimeout(() => this.add(key), nextMs)
      state.timer.unref()
    }
  }
}
