/**
 * What rejected clients are told to wait: longer while many are rejected, shorter again when it gets better.
 * Upstream: util/flowcontrol/dropped_requests_tracker.go
 */
const maxSeconds = 32

interface Second {
  readonly at: number
  readonly count: number
}

export class RetryAfter {
  #history: Second[] = []
  #second = 0
  #count = 0
  #retryAfter = 1
  #raisedAt = 0

  get seconds(): number {
    return this.#retryAfter
  }

  /** A request was rejected, at this time in whole seconds. */
  rejected(second: number): void {
    if (second === this.#second) {
      this.#count++
      return
    }
    this.#history.push({ at: this.#second, count: this.#count })
    const kept = Math.min(2 * this.#retryAfter, maxSeconds)
    this.#history = this.#history.filter(({ at }) => this.#second - at <= kept)
    this.#second = second
    this.#count = 1
    this.#update()
  }

  #update(): void {
    const now = this.#second
    const wait = this.#retryAfter
    const dropped = this.#history
      .filter(({ at }) => at < now && now - at <= wait)
      .reduce((sum, { count }) => sum + count, 0)
    if (now - this.#raisedAt >= wait && dropped >= 3 * wait) {
      this.#retryAfter = Math.min(2 * wait, maxSeconds)
      this.#raisedAt = now
    } else if (dropped < wait && wait > 1) this.#retryAfter--
  }
}
