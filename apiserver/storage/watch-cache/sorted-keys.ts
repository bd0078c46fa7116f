/** The keys of a cache in byte order, kept while it changes, so that lists and pages need no sorting. */
export class SortedKeys {
  #keys: string[] = []

  /** Index of the first key >= `key`. */
  lowerBound(key: string): number {
    let low = 0
    let high = this.#keys.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#keys[middle] ?? '') < key) low = middle + 1
      else high = middle
    }
    return low
  }

  add(key: string): void {
    const at = this.lowerBound(key)
    if (this.#keys[at] !== key) this.#keys.splice(at, 0, key)
  }

  remove(key: string): void {
    const at = this.lowerBound(key)
    if (this.#keys[at] === key) this.#keys.splice(at, 1)
  }

  /** Takes over keys that are already in order. */
  replace(keys: string[]): void {
    this.#keys = keys
  }

  /** Keys with the prefix, from `start` on (a key, inclusive). */
  range(prefix: string, start: string): string[] {
    const from = this.lowerBound(start > prefix ? start : prefix)
    const to = prefix === '' ? this.#keys.length : this.lowerBound(`${prefix}\uffff`)
    return this.#keys.slice(from, to)
  }

  get size(): number {
    return this.#keys.length
  }
}
