/** Level-triggered work of the server itself: done anew whenever something in its caches changes. */
import { sleep } from '../../component-base/clock.ts'
import type { WatchCache } from '../storage/watch-cache/watch-cache.ts'

export interface Recurring {
  readonly caches: readonly WatchCache[]
  /** Resolves to after how many milliseconds to come back even without a change; undefined: not before one. */
  readonly work: () => Promise<number | undefined>
  readonly onError: (error: unknown) => void
  /** Looks again after so long without a change: a cache that lost the store comes back when somebody asks it. */
  readonly resyncMs?: number
}

const failureRetryMs = 1000

/** Runs until the signal; changes that come while it works are one more round. */
export const wheneverChanged = async (
  { caches, work, onError, resyncMs }: Recurring,
  signal: AbortSignal,
): Promise<void> => {
  let wake: () => void = () => undefined
  let dirty = true
  for (const cache of caches) {
    cache.onChange(() => {
      dirty = true
      wake()
    })
  }
  signal.addEventListener('abort', () => wake(), { once: true })
  while (!signal.aborted) {
    if (!dirty) {
      let timer: NodeJS.Timeout | undefined
      await new Promise<void>((resolve) => {
        wake = resolve
        if (resyncMs !== undefined) timer = setTimeout(resolve, resyncMs).unref()
      })
      clearTimeout(timer)
    }
    if (signal.aborted) return
    dirty = false
    let againMs: number | undefined
    try {
      againMs = await work()
    } catch (error) {
      if (signal.aborted) return
      onError(error)
      againMs = failureRetryMs
    }
    if (againMs === undefined) continue
    await sleep(againMs, signal).catch(() => undefined)
    dirty = true
  }
}
