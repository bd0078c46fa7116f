export interface BoundedStreamOptions {
  /** Items that may wait for the reader. */
  readonly capacity: number
  /** Called once when an item comes and the stream is full; the stream then ends with the error that it returns. */
  readonly onFull: () => Error
}

/**
 * A queue between one writer that never waits and one reader that may be slow. A reader that falls more than
 * `capacity` items behind is ended with an error after what it has been given.
 */
export class BoundedStream<Item> implements AsyncIterable<Item> {
  readonly #options: BoundedStreamOptions
  #items: Item[] = []
  #end: { readonly error: Error | undefined } | undefined
  #wake: (() => void) | undefined

  constructor(options: BoundedStreamOptions) {
    this.#options = options
  }

  /** False if the stream has ended: the item is dropped. */
  push(item: Item): boolean {
    if (this.#end !== undefined) return false
    if (this.#items.length >= this.#options.capacity) {
      this.close(this.#options.onFull())
      return false
    }
    this.#items.push(item)
    this.#wake?.()
    return true
  }

  /** Ends the stream after what waits in it; with an error, the reader gets that at the end. */
  close(error?: Error): void {
    this.#end ??= { error }
    this.#wake?.()
  }

  get closed(): boolean {
    return this.#end !== undefined
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Item, void, undefined> {
    try {
      for (;;) {
        const items = this.#items
        this.#items = []
        yield* items
        if (this.#items.length > 0) continue
        if (this.#end !== undefined) {
          if (this.#end.error !== undefined) throw this.#end.error
          return
        }
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
        this.#wake = undefined
      }
    } finally {
      this.close()
      this.#items = []
    }
  }
}
