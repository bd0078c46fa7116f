/** Time, as something that can be given to code under test. */

export type TimerHandle = ReturnType<typeof setTimeout>

export interface Clock {
  /** Milliseconds since the epoch. */
  readonly now: () => number
  readonly setTimeout: (callback: () => void, ms: number) => TimerHandle
  readonly clearTimeout: (timer: TimerHandle) => void
}

/** Longest delay that setTimeout takes; anything above would fire at once. */
const maxDelayMs = 2 ** 31 - 1

export const realClock: Clock = {
  now: () => Date.now(),
  setTimeout: (callback, ms) => setTimeout(callback, Math.min(Math.max(0, ms), maxDelayMs)),
  clearTimeout: (timer) => clearTimeout(timer),
}

/** Resolves after `ms`; rejects with the signal's reason if it is aborted first. */
export const sleep = (ms: number, signal?: AbortSignal, clock: Clock = realClock): Promise<void> =>
  new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason as Error)
    const onAbort = (): void => {
      clock.clearTimeout(timer)
      reject(signal?.reason as Error)
    }
    const timer = clock.setTimeout(() => {
      signal?.removeEventListener('abort', onAbort)
      resolve()
    }, ms)
    signal?.addEventListener('abort', onAbort, { once: true })
  })

/** What performance.now() lacks to the wall clock; corrected whenever the wall clock was set. */
let wallOffsetMs = Date.now() - performance.now()

/** Milliseconds since the epoch with microseconds as their fraction, which Date.now does not have. */
export const preciseNow = (): number => {
  const wall = Date.now()
  const precise = performance.now() + wallOffsetMs
  if (precise >= wall && precise < wall + 1) return precise
  wallOffsetMs += wall - precise
  return wall
}
