/** Latencies of many operations in a few numbers. */
export interface Summary {
  readonly operations: number
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly maxMs: number
}

/** To two digits behind the point. */
export const round = (value: number): number => Math.round(value * 100) / 100

export const summarize = (latenciesMs: readonly number[], elapsedMs: number): Summary => {
  const sorted = [...latenciesMs].sort((a, b) => a - b)
  const at = (share: number): number =>
    round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0)
  return {
    operations: sorted.length,
    perSecond: round((sorted.length * 1000) / elapsedMs),
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    maxMs: at(1),
  }
}

/** Runs `operation` for 0 … count-1, `concurrency` at a time, and measures each. */
export const measure = async (
  count: number,
  concurrency: number,
  operation: (index: number) => Promise<unknown>,
): Promise<Summary> => {
  const latencies: number[] = []
  let next = 0
  const startedAt = performance.now()
  const work = async (): Promise<void> => {
    for (let index = next++; index < count; index = next++) {
      const before = performance.now()
      await operation(index)
      latencies.push(performance.now() - before)
    }
  }
  await Promise.all(Array.from({ length: concurrency }, work))
  return summarize(latencies, performance.now() - startedAt)
}
