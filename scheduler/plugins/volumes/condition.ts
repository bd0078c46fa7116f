/** Waiting for what informers will see. */
import type { Clock } from '../../../component-base/clock.ts'

export interface Condition {
  /** Something has changed: all that wait look again. */
  readonly notify: () => void
  /** Resolves when `isDone` says so, rejects with what it throws, after the time, or with the signal's reason. */
  readonly until: (
    isDone: () => boolean,
    limits: { readonly timeoutMs: number; readonly signal: AbortSignal },
  ) => Promise<void>
}

export const createCondition = (clock: Clock): Condition => {
  const waiting = new Set<() => void>()
  return {
    notify: () => {
      for (const check of waiting) check()
    },
    until: (isDone, { timeoutMs, signal }) =>
      new Promise((resolve, reject) => {
        const settle = (finish: () => void): void => {
          waiting.delete(check)
          clock.clearTimeout(timer)
          signal.removeEventListener('abort', onAbort)
          finish()
        }
        const check = (): void => {
          try {
            if (isDone()) settle(resolve)
          } catch (error) {
            settle(() => reject(error as Error))
          }
        }
        const onAbort = (): void => settle(() => reject(signal.reason as Error))
        const timer = clock.setTimeout(() => settle(() => reject(new Error('context deadline exceeded'))), timeoutMs)
        if (signal.aborted) return onAbort()
        signal.addEventListener('abort', onAbort, { once: true })
        waiting.add(check)
        check()
      }),
  }
}
