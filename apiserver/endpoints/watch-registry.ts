/** All open watches of the process: one timer sends their bookmarks, and a shutdown ends them. */
export interface OpenWatch {
  sendBookmark(): void
  end(): void
}

/** Idle watches learn this often how far they are. Upstream: about a minute. */
const bookmarkIntervalMs = 60_000

/** Gives a function that counts one event sent to a watcher of that kind. */
export type CountEvents = (kind: {
  readonly group: string
  readonly version: string
  readonly kind: string
}) => () => void

export class WatchRegistry implements Disposable {
  readonly countEvents: CountEvents
  readonly #open = new Set<OpenWatch>()
  readonly #timer: NodeJS.Timeout

  constructor(countEvents: CountEvents) {
    this.countEvents = countEvents
    this.#timer = setInterval(() => {
      for (const watch of this.#open) watch.sendBookmark()
    }, bookmarkIntervalMs)
    this.#timer.unref()
  }

  get size(): number {
    return this.#open.size
  }

  add(watch: OpenWatch): () => void {
    this.#open.add(watch)
    return () => this.#open.delete(watch)
  }

  endAll(): void {
    for (const watch of this.#open) watch.end()
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer)
  }
}
