/** One token bucket a zone: how soon the next silent Node may be emptied. Upstream: RateLimitedTimedQueue. */
import type { Clock } from '../../component-base/clock.ts'

interface Bucket {
  tokens: number
  updatedMs: number
}

export class EvictionLimiter {
  readonly #clock: Clock
  readonly #buckets = new Map<string, Bucket>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Takes a token of the zone; 0 if there was one, or else milliseconds until there may be. `rate` is tokens a second. */
  take(zone: string, rate: number): number {
    const now = this.#clock.now()
    const bucket = this.#buckets.get(zone) ?? { tokens: 1, updatedMs: now }
    bucket.tokens = Math.min(1, bucket.tokens + ((now - bucket.updatedMs) / 1000) * rate)
    bucket.updatedMs = now
    this.#buckets.set(zone, bucket)
    // A little less than one: times that add up to a token may miss it by rounding.
    if (bucket.tokens < 0.999) return Math.ceil(((1 - bucket.tokens) / rate) * 1000)
    bucket.tokens -= 1
    return 0
  }
}
