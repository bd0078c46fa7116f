/** The requests under way, for a shutdown that waits for those that have an end of their own and breaks off the rest. */
import type { HttpContext } from './context.ts'
import { isLongRunning } from './filters/in-flight-limit.ts'

export class RunningRequests {
  readonly #short = new Set<HttpContext>()
  readonly #long = new Set<HttpContext>()
  #waiting: (() => void)[] = []

  /** A request has begun; returns what is to be called when it is over. */
  began(ctx: HttpContext): () => void {
    const set = isLongRunning(ctx.info) ? this.#long : this.#short
    set.add(ctx)
    return () => {
      set.delete(ctx)
      if (this.#short.size > 0) return
      for (const resolve of this.#waiting) resolve()
      this.#waiting = []
    }
  }

  /** Resolves when no short one is under way. */
  ended(): Promise<void> {
    if (this.#short.size === 0) return Promise.resolve()
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  /** Breaks off the long-running ones. */
  cutOff(): void {
    for (const { response } of this.#long) if (!response.writableEnded) response.destroy()
  }
}
