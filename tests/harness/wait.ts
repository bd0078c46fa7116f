/** Waiting for a condition of the world: the only way in which tests wait. */

const pollMs = 50

export interface WaitOptions {
  readonly timeoutMs?: number
  /** Completes the sentence "timed out waiting for …". */
  readonly what: string
}

/**
 * Calls `probe` until it returns something other than false, null or undefined, and returns that. A probe that throws
 * is tried again; the last error is told when time is over.
 */
export const waitFor = async <T>(
  probe: () => T | Promise<T>,
  { timeoutMs = 30_000, what }: WaitOptions,
): Promise<Exclude<T, false | null | undefined>> => {
  const deadline = Date.now() + timeoutMs
  let last: unknown
  for (;;) {
    try {
      const value = await probe()
      if (value !== false && value !== null && value !== undefined) return value as Exclude<T, false | null | undefined>
      last = undefined
    } catch (error) {
      last = error
    }
    if (Date.now() > deadline) throw new Error(`timed out after ${timeoutMs} ms waiting for ${what}`, { cause: last })
    await new Promise((resolve) => setTimeout(resolve, pollMs))
  }
}
