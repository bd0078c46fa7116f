/** The loop that every controller uses: take a key, reconcile it, forget it or try it again. */
import { isReason } from '../../api/meta/status-error.ts'
import type { Logger } from '../../component-base/logging/logger.ts'
import type { WorkQueue } from '../workqueue/work-queue.ts'

/**
 * Brings the world to what the object `key` wants. Sees no event, only a key. A returned value asks for another run
 * later; a throw is tried again after a back-off; a TerminalError is not.
 */
export type Reconcile = (key: string, signal: AbortSignal) => Promise<{ readonly requeueAfterMs: number } | undefined>

/** An error that trying again cannot mend. */
export class TerminalError extends Error {
  override readonly name = 'TerminalError'
}

export interface ControllerOptions {
  readonly name: string
  readonly log: Logger
  readonly queue: WorkQueue
  /** Keys that are reconciled at the same time. */
  readonly concurrency: number
  readonly reconcile: Reconcile
  readonly signal: AbortSignal
}

/** Failures of a key before its error is logged loudly: the first ones are mostly races that mend themselves. */
const quietFailures = 5

const reconcileOne = async (key: string, { name, log, queue, reconcile, signal }: ControllerOptions): Promise<void> => {
  try {
    const result = await reconcile(key, signal)
    queue.forget(key)
    if (result !== undefined) queue.addAfter(key, result.requeueAfterMs)
  } catch (err) {
    if (signal.aborted) return
    if (err instanceof TerminalError) {
      queue.forget(key)
      log.error({ err, controller: name, key }, 'cannot be reconciled')
      return
    }
    const loud = queue.failures(key) >= quietFailures && !isReason(err, 'Conflict')
    log[loud ? 'warn' : 'debug']({ err, controller: name, key }, 'reconcile failed; trying again')
    queue.addRateLimited(key)
  } finally {
    queue.done(key)
  }
}

/** Runs the workers until the signal is aborted and what they were doing has ended. */
export const runController = async (options: ControllerOptions): Promise<void> => {
  const { queue, signal } = options
  if (signal.aborted) return queue.shutdown()
  signal.addEventListener('abort', queue.shutdown, { once: true })
  const work = async (): Promise<void> => {
    for (let key = await queue.get(); key !== undefined; key = await queue.get()) await reconcileOne(key, options)
  }
  await Promise.all(Array.from({ length: options.concurrency }, work))
}
