/**
 * Notices that a path to the API server is dead. A watch that waits for events cannot tell silence from a cut link,
 * and TCP needs minutes; requests find out within their timeout, and where there are none a small one is made.
 * Upstream: the HTTP/2 pings of client-go, 30 s and 15 s.
 */
import { type Clock, realClock, type TimerHandle } from '../../component-base/clock.ts'

/** After this much silence on all connections one request is made. */
const quietMs = 30_000
const minDelayMs = 5_000

export interface WatchedStream {
  readonly controller: AbortController
  heardAt: number
}

/** The API server could not be reached while this watch heard nothing: its connection is taken for dead. */
export class ConnectionLostError extends Error {
  override readonly name = 'ConnectionLostError'
}

export class ConnectionHealth {
  readonly #streams = new Set<WatchedStream>()
  readonly #probe: () => Promise<void>
  readonly #clock: Clock
  #heardAt: number
  #timer: TimerHandle | undefined

  /** `probe` makes a request; whatever it is answered, something was heard. */
  constructor(probe: () => Promise<void>, clock: Clock = realClock) {
    this.#probe = probe
    this.#clock = clock
    this.#heardAt = clock.now()
  }

  /** Bytes came, on any connection, and on that of `stream` if given. */
  heard(stream?: WatchedStream): void {
    this.#heardAt = this.#clock.now()
    if (stream !== undefined) stream.heardAt = this.#heardAt
  }

  /** A request that began at `startedAt` got no answer: streams that heard nothing since then end. */
  unreachable(startedAt: number): void {
    for (const { controller, heardAt } of this.#streams) {
      if (heardAt <= startedAt) controller.abort(new ConnectionLostError('the connection to the API server was lost'))
    }
  }

  add(controller: AbortController): WatchedStream {
    const stream: WatchedStream = { controller, heardAt: this.#clock.now() }
    this.#streams.add(stream)
    this.#schedule()
    return stream
  }

  remove(stream: WatchedStream): void {
    this.#streams.delete(stream)
    if (this.#streams.size > 0 || this.#timer === undefined) return
    this.#clock.clearTimeout(this.#timer)
    this.#timer = undefined
  }

  #schedule(): void {
    if (this.#timer !== undefined || this.#streams.size === 0) return
    this.#timer = this.#clock.setTimeout(
      () => {
        this.#timer = undefined
        const quiet = this.#clock.now() - this.#heardAt >= quietMs
        const done = quiet ? this.#probe().catch(() => undefined) : Promise.resolve()
        void done.then(() => this.#schedule())
      },
      Math.max(minDelayMs, this.#heardAt + quietMs - this.#clock.now()),
    )
    this.#timer.unref?.()
  }
}
