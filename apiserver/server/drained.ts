import type { ServerResponse } from 'node:http'
import type { Writable } from 'node:stream'

/** Resolves when `sink` takes data again, or the client of `response` is gone. Leaves no listeners behind. */
export const drained = (sink: Writable, response: ServerResponse = sink as ServerResponse): Promise<void> =>
  new Promise((resolve) => {
    const done = (): void => {
      sink.off('drain', done)
      response.off('close', done)
      resolve()
    }
    sink.on('drain', done)
    response.on('close', done)
  })
