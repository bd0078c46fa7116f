/** All open watches of the process: a shutdown ends them. */
export interface OpenWatch {
  end(): void
}

/** Gives a function that counts one event sent to a watcher of that kind. */
export type CountEvents = (kind: {
  readonly group: string
  readonly version: string
  readonly kind: string
}) => () => void

export class WatchRegistry {
  readonly countEvents: CountEvents
  readonly #open = new Set<OpenWatch>()

  constructor(countEvents: CountEvents) {
    this.countEvents = countEvents
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
}
