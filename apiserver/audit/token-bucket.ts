/** A token bucket: so many at once, so many a second after that. Upstream: flowcontrol.NewTokenBucketRateLimiter */

export interface TokenBucket {
  /** Takes the next token; how many milliseconds to wait until it is there. */
  take(): number
}

export const createTokenBucket = (
  { qps, burst }: { readonly qps: number; readonly burst: number },
  nowMs: () => number,
): TokenBucket => {
  let tokens = burst
  let countedAt = nowMs()
  return {
    take: () => {
      const now = nowMs()
      tokens = Math.min(burst, tokens + (Math.max(now - countedAt, 0) * qps) / 1000)
      countedAt = now
      tokens -= 1
      return tokens >= 0 ? 0 : (-tokens * 1000) / qps
    },
  }
}
