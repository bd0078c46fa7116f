/**
 * Messages of one stream between the socket and an `for await` reader. The reader's slowness is felt by the sender:
 * above `highWater` messages the source is paused (HTTP/2 flow control does the rest).
 */
export class MessageQueue<T> implements AsyncIterable<T> {
  readonly #highWater: number
  readonly #source: { pause(): void; resume(): void }
  #items: T[] = []
  #state: { readonly type: 'open' } | { readonly type: 'ended' } | { readonly type: 'failed'; readonly err: unknown } =
    {
      type: 'open',
    }
  #wake: (() => void) | undefined
  #paused = false

  constructor(source: { pause(): void; resume(): void }, highWater = 64) {
    this.#source = source
    this.#highWater = highWater
  }

  push(item: T): void {
    if (this.#state.type !== 'open') return
    this.#items.push(item)
    if (!this.#paused && this.#items.length >= this.#highWater) {
      this.#paused = true
      this.#source.pause()
    }
    this.#signal()
  }

  /** Ends the iteration after what is queued; with `err` it ends by throwing that. The first call counts. */
  end(err?: unknown): void {
    if (this.#state.type !== 'open') return
    this.#state = err === undefined ? { type: 'ended' } : { type: 'failed', err }
    this.#signal()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, void> {
    for (;;) {
      const items = this.#items
      this.#items = []
      for (const item of items) yield item
      if (this.#items.length > 0) continue
      if (this.#paused) {
        this.#paused = false
        this.#source.resume()
      }
      if (this.#state.type === 'failed') throw this.#state.err
      if (this.#state.type === 'ended') return
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  #signal(): void {
    const wake = this.#wake
    this.#wake = undefined
    wake?.()
  }
}
