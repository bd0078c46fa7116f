/**
 * Answers that wait for their readers. What is left of them is bytes on their way, no work for the server: so that a
 * flood of big lists that nobody hurries to read does not keep everybody else from a seat, such an answer gives its
 * seats back (see flow-control/). Only so many at once, since each of them holds some memory: the others keep theirs.
 */
import type { Writable } from 'node:stream'
import type { HttpContext } from './context.ts'
import { drained, drainedWithin } from './drained.ts'
import type { ApiResponse } from './message.ts'

/** Whoever takes longer for a chunk is slow. A reader on the same machine takes a tenth of it. */
const slowMs = 5

export interface Reader extends Disposable {
  /** Resolves when the answer can go on, or its client is gone. */
  readonly drained: () => Promise<void>
}

export class SlowReaders {
  #free: number

  constructor(most: number) {
    this.#free = most
  }

  /** Whoever reads this answer; to be disposed of at its end. */
  reader(sink: Writable | ApiResponse, ctx: Pick<HttpContext, 'response' | 'answerWaits'>): Reader {
    let isSlow = false
    return {
      drained: async () => {
        if (isSlow) return drained(sink, ctx.response)
        if (await drainedWithin(sink, ctx.response, slowMs)) return
        if (this.#free > 0) {
          this.#free--
          isSlow = true
          ctx.answerWaits?.()
        }
        await drained(sink, ctx.response)
      },
      [Symbol.dispose]: () => {
        if (isSlow) this.#free++
      },
    }
  }
}
