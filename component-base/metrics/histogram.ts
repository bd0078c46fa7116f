/** A histogram of plain numbers: counting costs an addition, the text is made when it is asked for. */
export class PlainHistogram {
  /** Upper bounds, rising. */
  readonly bounds: readonly number[]
  /** Observations in each bucket alone; the last one is of all above the last bound. */
  readonly counts: number[]
  sum = 0

  constructor(bounds: readonly number[]) {
    this.bounds = bounds
    this.counts = Array.from({ length: bounds.length + 1 }, () => 0)
  }

  observe(value: number): void {
    let bucket = 0
    for (; bucket < this.bounds.length; bucket++) if (value <= (this.bounds[bucket] ?? 0)) break
    this.counts[bucket] = (this.counts[bucket] ?? 0) + 1
    this.sum += value
  }
}

/** `count` bounds from `start` on, each `factor` times the one before. */
export const exponentialBounds = (start: number, factor: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => start * factor ** i)
