/**
 * An ordered set of named entries: a B+tree of two levels.
 *
 *     chunks:  [ a c f ]  [ g h k m ]  [ p t ]      each sorted, at most `maxChunk` long
 *
 * Search is binary over the chunks' first keys, then within one chunk. A full chunk is split in two. With a million
 * keys there are a few thousand chunks, so both levels stay short arrays that memmove handles well, and a range is a
 * walk over plain arrays.
 */
const maxChunk = 512

export interface Named {
  readonly key: string
}

export class SortedKeys<T extends Named> {
  #chunks: T[][] = []
  #size = 0

  get size(): number {
    return this.#size
  }

  get(key: string): T | undefined {
    const chunk = this.#chunks[this.#chunkOf(key)]
    if (chunk === undefined) return undefined
    const entry = chunk[lowerBound(chunk, key)]
    return entry?.key === key ? entry : undefined
  }

  /** Adds an entry whose key is not there yet. */
  add(entry: T): void {
    this.#size++
    const index = this.#chunkOf(entry.key)
    const chunk = this.#chunks[index]
    if (chunk === undefined) {
      this.#chunks.push([entry])
      return
    }
    chunk.splice(lowerBound(chunk, entry.key), 0, entry)
    if (chunk.length > maxChunk) this.#chunks.splice(index + 1, 0, chunk.splice(maxChunk >>> 1))
  }

  delete(key: string): boolean {
    const index = this.#chunkOf(key)
    const chunk = this.#chunks[index]
    if (chunk === undefined) return false
    const at = lowerBound(chunk, key)
    if (chunk[at]?.key !== key) return false
    chunk.splice(at, 1)
    this.#size--
    if (chunk.length === 0) this.#chunks.splice(index, 1)
    return true
  }

  /** Calls `visit` for each entry with start <= key < end (no end: all), in order. The set must not change meanwhile. */
  forRange(start: string, end: string | undefined, visit: (entry: T) => void): void {
    let index = this.#chunkOf(start)
    let first = this.#chunks[index]
    let at = first === undefined ? 0 : lowerBound(first, start)
    while (first !== undefined) {
      const last = first[first.length - 1]
      const stop = end === undefined || (last !== undefined && last.key < end) ? first.length : lowerBound(first, end)
      for (; at < stop; at++) {
        const entry = first[at]
        if (entry !== undefined) visit(entry)
      }
      if (stop < first.length) return
      first = this.#chunks[++index]
      at = 0
    }
  }

  /** The last chunk whose first key is <= key, or the first chunk. */
  #chunkOf(key: string): number {
    let low = 1
    let high = this.#chunks.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const first = this.#chunks[middle]?.[0]
      if (first !== undefined && first.key <= key) low = middle + 1
      else high = middle
    }
    return low - 1
  }
}

const lowerBound = (chunk: readonly Named[], key: string): number => {
  let low = 0
  let high = chunk.length
  while (low < high) {
    const middle = (low + high) >>> 1
    const entry = chunk[middle]
    if (entry !== undefined && entry.key < key) low = middle + 1
    else high = middle
  }
  return low
}
