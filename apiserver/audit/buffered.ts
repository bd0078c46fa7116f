/** Collects events to batches that are handed on behind the requests' back. Upstream: plugin/pkg/audit/buffered */
import { type Clock, sleep, type TimerHandle } from '../../component-base/clock.ts'
import type { AuditBackend, ReportLoss } from './backend.ts'
import type { AuditEvent } from './event.ts'
import { createTokenBucket } from './token-bucket.ts'

export interface BatchOptions {
  /** Events that may wait; more are lost. */
  readonly bufferSize: number
  readonly maxBatchSize: number
  /** How long an event waits for others. */
  readonly maxBatchWaitMs: number
  /** Batches a second, and how many at once after a quiet time; undefined: as many as there are. */
  readonly throttle: { readonly qps: number; readonly burst: number } | undefined
  /** Whether the next batch is handed on before the last is done. */
  readonly concurrent: boolean
}

/** Upstream has no bound here; a webhook that is away for long would fill the memory. */
const maxConcurrentBatches = 64

export const buffered = (
  backend: AuditBackend,
  options: BatchOptions,
  reportLoss: ReportLoss,
  clock: Clock,
): AuditBackend => {
  const bucket = options.throttle === undefined ? undefined : createTokenBucket(options.throttle, () => clock.now())
  let waiting: AuditEvent[] = []
  let timer: TimerHandle | undefined
  let draining: Promise<void> | undefined
  let closing = false
  const inFlight = new Set<Promise<unknown>>()

  /** Hands on all full batches, and at last or at the end of the wait what is left. */
  const drain = async (all: boolean): Promise<void> => {
    while (waiting.length >= options.maxBatchSize || (all && waiting.length > 0)) {
      const delayMs = bucket?.take() ?? 0
      if (delayMs > 0) await sleep(delayMs, undefined, clock)
      const batch = waiting.splice(0, options.maxBatchSize)
      const sent = Promise.resolve(backend.process(batch))
      if (!options.concurrent) {
        await sent
        continue
      }
      const tracked = sent.finally(() => inFlight.delete(tracked))
      inFlight.add(tracked)
      if (inFlight.size >= maxConcurrentBatches) await Promise.race(inFlight)
    }
  }
  const start = (all: boolean): void => {
    if (draining !== undefined) return
    draining = drain(all).finally(() => {
      draining = undefined
      schedule()
    })
  }
  const schedule = (): void => {
    if (closing || waiting.length === 0) return
    if (waiting.length >= options.maxBatchSize) start(false)
    else {
      timer ??= clock.setTimeout(() => {
        timer = undefined
        start(true)
      }, options.maxBatchWaitMs)
      timer.unref?.()
    }
  }
  return {
    process: (events) => {
      if (closing) {
        reportLoss('buffered', new Error('audit backend shut down'), events)
        return true
      }
      const room = Math.max(options.bufferSize - waiting.length, 0)
      waiting.push(...events.slice(0, room))
      if (events.length > room) reportLoss('buffered', new Error('audit buffer queue blocked'), events.slice(room))
      schedule()
      return true
    },
    close: async () => {
      closing = true
      if (timer !== undefined) clock.clearTimeout(timer)
      await draining
      await drain(true)
      await Promise.all(inFlight)
      await backend.close()
    },
  }
}
