import { sleep } from '../../component-base/clock.ts'

/** A token bucket: `qps` tokens a second, `burst` at most. Waits in turn. */
export const createTokenBucket = (
  qps: number,
  burst: number,
): { readonly wait: (signal?: AbortSignal) => Promise<void> } => {
  let tokens = burst
  let updatedAt = performance.now()
  return {
    wait: async (signal) => {
      const now = performance.now()
      tokens = Math.min(burst, tokens + ((now - updatedAt) / 1000) * qps)
      updatedAt = now
      tokens -= 1
      if (tokens < 0) await sleep((-tokens / qps) * 1000, signal)
    },
  }
}
