/**
 * Seats bound how many requests are under way at once; on one thread that is not all. A turn of the event loop in which
 * hundreds of them begin is a turn in which nobody else is heard. So a turn begins no more than a few milliseconds'
 * worth of requests; what comes beyond that waits in its queue for the next turn, in fair order, though there are seats.
 * Nothing is slower for it in the whole: the loop is never idle while something waits.
 */

/** Somebody in whose queues requests wait for the next turn. */
export interface TurnWaiter {
  /** Dispatches one request; false if there is none that may be. */
  dispatchOne(): boolean
}

export interface TurnGateOptions {
  /** Calls back in the next turn. */
  readonly nextTurn: (callback: () => void) => void
  /** Milliseconds, with their fraction. */
  readonly now: () => number
}

/** What the requests that begin in a turn may take together. */
const turnMs = 3
const minStarts = 4
const maxStarts = 64
/** Weight of the newest turn in what a beginning costs. */
const smoothing = 0.1

export class TurnGate {
  readonly #options: TurnGateOptions
  readonly #waiters = new Set<TurnWaiter>()
  #costMs = turnMs / maxStarts
  #started = 0
  #allowed = maxStarts
  #turnBegan = 0
  #scheduled = false

  constructor(options: TurnGateOptions) {
    this.#options = options
  }

  /** Whether one more may begin in this turn; if so it is counted. */
  enter(): boolean {
    if (this.#started >= this.#allowed) return false
    if (!this.#scheduled) this.#schedule()
    this.#started++
    return true
  }

  /** Somebody could not enter: will be asked to dispatch in the next turn. */
  wait(waiter: TurnWaiter): void {
    this.#waiters.add(waiter)
    if (!this.#scheduled) this.#schedule()
  }

  #schedule(): void {
    this.#scheduled = true
    this.#turnBegan = this.#options.now()
    this.#options.nextTurn(() => this.#newTurn())
  }

  #newTurn(): void {
    if (this.#started > 0) {
      const cost = (this.#options.now() - this.#turnBegan) / this.#started
      this.#costMs += (cost - this.#costMs) * smoothing
      this.#allowed = Math.max(minStarts, Math.min(maxStarts, Math.floor(turnMs / this.#costMs)))
    }
    this.#started = 0
    this.#scheduled = false
    // One of each in turn, so that no level waits for the others.
    while (this.#started < this.#allowed && this.#waiters.size > 0) {
      for (const waiter of this.#waiters) {
        this.#waiters.delete(waiter)
        if (waiter.dispatchOne()) this.#waiters.add(waiter)
        if (this.#started >= this.#allowed) break
      }
    }
    if (this.#waiters.size > 0 && !this.#scheduled) this.#schedule()
  }
}

/** For levels that share no thread, and tests. */
export const openGate: Pick<TurnGate, 'enter' | 'wait'> = { enter: () => true, wait: () => {} }
