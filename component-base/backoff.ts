import { jitter } from './random.ts'

export interface BackoffOptions {
  readonly initialMs: number
  readonly maxMs: number
  /** Default 2. */
  readonly factor?: number
  /** Share of the delay that chance adds; default 0.1. */
  readonly jitter?: number
}

/** Growing delays between attempts: `next` gives the delay before the next one, `reset` starts over after a success. */
export class Backoff {
  readonly #options: BackoffOptions
  #currentMs: number

  constructor(options: BackoffOptions) {
    this.#options = options
    this.#currentMs = options.initialMs
  }

  next(): number {
    const delay = this.#currentMs
    this.#currentMs = Math.min(this.#options.maxMs, delay * (this.#options.factor ?? 2))
    return jitter(delay, this.#options.jitter ?? 0.1)
  }

  reset(): void {
    this.#currentMs = this.#options.initialMs
  }
}
