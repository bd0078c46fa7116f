import type { Writable } from 'node:stream'
import type { ApiResponse } from './message.ts'

/** Resolves when `sink` takes data again, or the client of `response` is gone. Leaves no listeners behind. */
export const drained = (sink: Writable | ApiResponse, response: ApiResponse): Promise<void> =>
  new Promise((resolve) => {
    const done = (): void => {
      sink.off('drain', done)
      response.off('close', done)
      resolve()
    }
    sink.on('drain', done)
    response.on('close', done)
  })
