/**
 * Other representations of current objects (protobuf, another API version), each made for its first reader. All of them
 * together are bounded: the oldest go first, and are made again if somebody asks.
 */
export type Views = Map<string, Buffer>

interface Held {
  /** Emptied when its object is superseded; what it took stays charged until its turn comes. */
  readonly views: Views
  readonly name: string
  readonly bytes: number
}

const mebibyte = 1024 * 1024
const defaultMaxBytes = 32 * mebibyte

export class ViewBudget {
  readonly #maxBytes: number
  #held: Held[] = []
  #head = 0
  #bytes = 0

  constructor(maxBytes = defaultMaxBytes) {
    this.#maxBytes = maxBytes
  }

  get heldBytes(): number {
    return this.#bytes
  }

  /** Keeps `bytes` under `name`, and makes room for it. */
  keep(views: Views, name: string, bytes: Buffer): void {
    views.set(name, bytes)
    this.#held.push({ views, name, bytes: bytes.length })
    this.#bytes += bytes.length
    while (this.#bytes > this.#maxBytes) this.#dropOldest()
  }

  #dropOldest(): void {
    const oldest = this.#held[this.#head++]
    if (oldest === undefined) return
    oldest.views.delete(oldest.name)
    this.#bytes -= oldest.bytes
    if (this.#head < 1024 || this.#head * 2 < this.#held.length) return
    this.#held = this.#held.slice(this.#head)
    this.#head = 0
  }
}
