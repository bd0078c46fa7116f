import { type Clock, realClock } from '../clock.ts'

/** The time for something ran out. */
export class DeadlineExceededError extends Error {
  override readonly name = 'DeadlineExceededError'
}

export interface Deadline extends Disposable {
  /** Aborted with DeadlineExceededError after the time, or with the outer signal's reason. */
  readonly signal: AbortSignal
}

/**
 * A signal that also follows `outer`. Held with `using`: leaves neither timer nor listener behind, which
 * AbortSignal.any and AbortSignal.timeout do until the garbage collector comes.
 */
export const deadline = (ms: number, outer?: AbortSignal, clock: Clock = realClock): Deadline => {
  const controller = new AbortController()
  const onAbort = (): void => controller.abort(outer?.reason)
  if (outer?.aborted) onAbort()
  outer?.addEventListener('abort', onAbort, { once: true })
  const timer = clock.setTimeout(
    () => controller.abort(new DeadlineExceededError(`not done within ${Math.round(ms)} ms`)),
    ms,
  )
  return {
    signal: controller.signal,
    [Symbol.dispose]: () => {
      clock.clearTimeout(timer)
      outer?.removeEventListener('abort', onAbort)
    },
  }
}
