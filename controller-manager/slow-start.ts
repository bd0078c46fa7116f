/**
 * Many writes of one kind, few at first: one that cannot succeed (quota, admission) fails once instead of a thousand
 * times. Upstream: controller.slowStartBatch.
 */

const initialBatch = 1

export interface BatchResult {
  readonly succeeded: number
  /** The first error; the batches after it were not tried. */
  readonly error: unknown
}

/** Runs `write(0..count-1)` in batches that double while all goes well. */
export const slowStart = async (count: number, write: (index: number) => Promise<void>): Promise<BatchResult> => {
  let done = 0
  let succeeded = 0
  for (let size = Math.min(initialBatch, count); size > 0; size = Math.min(size * 2, count - done)) {
    const batch = await Promise.allSettled(Array.from({ length: size }, (_, offset) => write(done + offset)))
    done += size
    succeeded += batch.filter(({ status }) => status === 'fulfilled').length
    const failed = batch.find((result) => result.status === 'rejected')
    if (failed !== undefined) return { succeeded, error: failed.reason }
  }
  return { succeeded, error: undefined }
}

/** Runs all writes at once and throws the first error after all have ended. */
export const all = async <T>(items: readonly T[], write: (item: T) => Promise<void>): Promise<void> => {
  const results = await Promise.allSettled(items.map(write))
  const failed = results.find((result) => result.status === 'rejected')
  if (failed !== undefined) throw failed.reason
}
