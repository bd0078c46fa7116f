/**
 * A histogram of a number that changes, as a fraction of its limit, weighted by time: one observation a nanosecond.
 * Upstream: util/flowcontrol/metrics/timing_ratio_histogram.go
 */
import { PlainHistogram } from '../../component-base/metrics/histogram.ts'

const nanosecondsPerMs = 1e6

export class TimingRatio {
  readonly histogram: PlainHistogram
  #numerator = 0
  #denominator = 1
  #bucket = 0
  #lastMs: number

  constructor(bounds: readonly number[], nowMs: number) {
    this.histogram = new PlainHistogram(bounds)
    this.#lastMs = nowMs
  }

  set(numerator: number, nowMs: number): void {
    this.advance(nowMs)
    if (numerator === this.#numerator) return
    this.#numerator = numerator
    this.#findBucket()
  }

  /** `denominator` is more than 0. */
  setDenominator(denominator: number, nowMs: number): void {
    this.advance(nowMs)
    this.#denominator = denominator
    this.#findBucket()
  }

  /** Counts the time that has passed: also before it is read. */
  advance(nowMs: number): void {
    const { histogram } = this
    const nanoseconds = (nowMs - this.#lastMs) * nanosecondsPerMs
    this.#lastMs = nowMs
    histogram.counts[this.#bucket] = (histogram.counts[this.#bucket] ?? 0) + nanoseconds
    histogram.sum += nanoseconds * (this.#numerator / this.#denominator)
  }

  #findBucket(): void {
    const ratio = this.#numerator / this.#denominator
    const { bounds } = this.histogram
    let bucket = 0
    for (; bucket < bounds.length; bucket++) if (ratio <= (bounds[bucket] ?? 0)) break
    this.#bucket = bucket
  }
}
