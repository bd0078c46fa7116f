import type { Writable } from 'node:stream'
import { realClock } from '../../component-base/clock.ts'
import type { ApiResponse } from './message.ts'

/** Resolves when `sink` takes data again, or the client of `response` is gone. Leaves no listeners behind. */
export const drained = async (sink: Writable | ApiResponse, response: ApiResponse): Promise<void> => {
  await drainedWithin(sink, response, undefined)
}

/** The same, but resolves to false when neither is so after `timeoutMs`. */
export const drainedWithin = (
  sink: Writable | ApiResponse,
  response: ApiResponse,
  timeoutMs: number | undefined,
): Promise<boolean> =>
  new Promise((resolve) => {
    const end = (inTime: boolean): void => {
      sink.off('drain', done)
      response.off('close', done)
      if (timer !== undefined) realClock.clearTimeout(timer)
      resolve(inTime)
    }
    const done = (): void => end(true)
    const timer = timeoutMs === undefined ? undefined : realClock.setTimeout(() => end(false), timeoutMs)
    sink.on('drain', done)
    response.on('close', done)
  })
