/** When rules are written: soon after a change, not too often, and once in a while without one. */
import { sleep } from '../../component-base/clock.ts'

export interface SyncPeriods {
  /** No two writes within this time. */
  readonly minMs: number
  /** A write at least this often. */
  readonly maxMs: number
}

/** A turn or two of the event loop: what comes together is written together. */
const gatherMs = 2

/** Upstream: BoundedFrequencyRunner. */
export class SyncSchedule {
  readonly #periods: SyncPeriods
  #requested = false
  #wake: (() => void) | undefined

  constructor(periods: SyncPeriods) {
    this.#periods = periods
  }

  request(): void {
    this.#requested = true
    this.#wake?.()
  }

  /** Resolves when the next write is due after one that began now; rejects with the signal's reason. */
  async next(signal: AbortSignal): Promise<void> {
    const { minMs, maxMs } = this.#periods
    await sleep(minMs, signal)
    if (!this.#requested) {
      const waiting = new AbortController()
      await new Promise<void>((resolve) => {
        this.#wake = resolve
        sleep(Math.max(0, maxMs - minMs), AbortSignal.any([signal, waiting.signal])).then(resolve, () => resolve())
      })
      waiting.abort()
      this.#wake = undefined
      signal.throwIfAborted()
    }
    await sleep(gatherMs, signal)
    this.#requested = false
  }
}
