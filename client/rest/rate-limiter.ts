import { sleep } from '../../component-base/clock.ts'

export interface TokenBucket {
  /** Resolves when a token was taken; callers go in turn. */
  readonly wait: (signal?: AbortSignal) => Promise<void>
}

/** A token bucket: `qps` tokens a second, `burst` at most. */
export const createTokenBucket = (qps: number, burst: number): TokenBucket => {
  let tokens = burst
  let updatedAt = performance.now()
  return {
    wait: async (signal) => {
      const now = performance.now()
      tokens = Math.min(burst, tokens + ((now - updatedAt) / 1000) * qps) - 1
      updatedAt = now
      if (tokens < 0) await sleep((-tokens / qps) * 1000, signal)
    },
  }
}
