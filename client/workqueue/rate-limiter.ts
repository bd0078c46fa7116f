import { type Clock, realClock } from '../../component-base/clock.ts'

/** Says how long a key that failed must wait before it is tried again. */
export interface RateLimiter {
  /** Milliseconds to wait; counts one more failure of the key. */
  readonly when: (key: string) => number
  readonly forget: (key: string) => void
  readonly failures: (key: string) => number
}

/** Each failure of a key doubles its delay, from `baseMs` up to `maxMs`. */
export const exponentialRateLimiter = (baseMs: number, maxMs: number): RateLimiter => {
  const failures = new Map<string, number>()
  return {
    when: (key) => {
      const count = failures.get(key) ?? 0
      failures.set(key, count + 1)
      return Math.min(maxMs, baseMs * 2 ** Math.min(count, 40))
    },
    forget: (key) => void failures.delete(key),
    failures: (key) => failures.get(key) ?? 0,
  }
}

/** All keys together: `qps` retries a second, `burst` at once. */
export const bucketRateLimiter = (qps: number, burst: number, clock: Clock = realClock): RateLimiter => {
  let tokens = burst
  let updatedAt = clock.now()
  return {
    when: () => {
      const now = clock.now()
      tokens = Math.min(burst, tokens + (Math.max(0, now - updatedAt) / 1000) * qps) - 1
      updatedAt = now
      return tokens >= 0 ? 0 : (-tokens / qps) * 1000
    },
    forget: () => undefined,
    failures: () => 0,
  }
}

/** The longest delay that any of them asks for. */
export const maxOfRateLimiters = (...limiters: readonly RateLimiter[]): RateLimiter => ({
  when: (key) => Math.max(...limiters.map((limiter) => limiter.when(key))),
  forget: (key) => {
    for (const limiter of limiters) limiter.forget(key)
  },
  failures: (key) => Math.max(...limiters.map((limiter) => limiter.failures(key))),
})

/** Upstream's default: 5 ms doubling up to 1000 s for each key, and 10 retries a second (100 at once) overall. */
export const defaultRateLimiter = (clock: Clock = realClock): RateLimiter =>
  maxOfRateLimiters(exponentialRateLimiter(5, 1_000_000), bucketRateLimiter(10, 100, clock))
