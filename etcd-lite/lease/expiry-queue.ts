/** A binary heap of items by time. An item whose time changed is looked at when its old time comes, and pushed again. */
export class ExpiryQueue<T> {
  readonly #heap: { readonly time: number; readonly item: T }[] = []

  get nextTime(): number | undefined {
    return this.#heap[0]?.time
  }

  push(item: T, time: number): void {
    const heap = this.#heap
    heap.push({ time, item })
    for (let child = heap.length - 1; child > 0; ) {
      const parent = (child - 1) >>> 1
      if (this.#time(parent) <= this.#time(child)) return
      this.#swap(parent, child)
      child = parent
    }
  }

  /** Takes the earliest item if its time is not after `now`. */
  takeUntil(now: number): T | undefined {
    const first = this.#heap[0]
    if (first === undefined || first.time > now) return undefined
    const last = this.#heap.pop()
    if (this.#heap.length > 0 && last !== undefined) {
      this.#heap[0] = last
      this.#sink()
    }
    return first.item
  }

  #sink(): void {
    for (let parent = 0; ; ) {
      let least = parent
      for (const child of [2 * parent + 1, 2 * parent + 2]) {
        if (this.#time(child) < this.#time(least)) least = child
      }
      if (least === parent) return
      this.#swap(parent, least)
      parent = least
    }
  }

  #time(index: number): number {
    return this.#heap[index]?.time ?? Number.POSITIVE_INFINITY
  }

  #swap(a: number, b: number): void {
    const [x, y] = [this.#heap[a], this.#heap[b]]
    if (x === undefined || y === undefined) return
    this.#heap[a] = y
    this.#heap[b] = x
  }
}
