import type { Clock } from '../../component-base/clock.ts'

/** Says how long a key that failed must wait before it is tried again. */
export interface RateLimiter {
  /** Milliseconds to wait; counts one more failure of the key. */
  readonly when: (key: string) => number
  readonly forget: (key: string) => void
  readonly failures: (key: string) => number
}

const baseMs = 5
const maxMs = 1_000_000
const bucketQps = 10
const bucketBurst = 100

/** Upstream's default: 5 ms doubling up to 1000 s for each key, and 10 retries a second (100 at once) overall. */
export const defaultRateLimiter = (clock: Clock, limitMs = maxMs): RateLimiter => {
  const failures = new Map<string, number>()
  let tokens = bucketBurst
  let updatedAt = clock.now()
  const bucketDelay = (): number => {
    const now = clock.now()
    tokens = Math.min(bucketBurst, tokens + ((now - updatedAt) / 1000) * bucketQps) - 1
    updatedAt = now
    return tokens >= 0 ? 0 : (-tokens / bucketQps) * 1000
  }
  return {
    when: (key) => {
      const count = failures.get(key) ?? 0
      failures.set(key, count + 1)
      return Math.max(Math.min(limitMs, baseMs * 2 ** Math.min(count, 40)), bucketDelay())
    },
    forget: (key) => void failures.delete(key),
    failures: (key) => failures.get(key) ?? 0,
  }
}
