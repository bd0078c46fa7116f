/** Events as lines of a file or of standard output. Upstream: plugin/pkg/audit/log */
import type { AuditBackend, ReportLoss } from './backend.ts'
import { type AuditEvent, encodeEvent } from './event.ts'
import { eventLine } from './legacy-format.ts'

export type LogFormat = 'json' | 'legacy'

/** Appends whole lines; called again only when the last call is done. */
export interface LineWriter {
  append(bytes: Buffer): Promise<void>
  close(): Promise<void>
}

interface Waiting {
  readonly events: readonly AuditEvent[]
  readonly lines: Buffer
  readonly done: (stored: boolean) => void
}

/** More than this is not joined to one write: rotation measures by writes. */
const maxWriteBytes = 1024 * 1024

/** One write is under way at a time; what comes meanwhile is written together by the next. */
export const createLogBackend = (writer: LineWriter, format: LogFormat, reportLoss: ReportLoss): AuditBackend => {
  const encode = format === 'json' ? encodeEvent : eventLine
  let waiting: Waiting[] = []
  let writing: Promise<void> | undefined

  const takeSome = (): Waiting[] => {
    let size = 0
    const count = waiting.findIndex(({ lines }) => (size += lines.length) > maxWriteBytes)
    return waiting.splice(0, count < 0 ? waiting.length : Math.max(count, 1))
  }
  const writeAll = async (): Promise<void> => {
    // What else this turn of the event loop brings goes along.
    await new Promise<void>((resolve) => setImmediate(resolve))
    while (waiting.length > 0) {
      const batch = takeSome()
      let stored = true
      try {
        await writer.append(Buffer.concat(batch.map(({ lines }) => lines)))
      } catch (error) {
        stored = false
        reportLoss(
          'log',
          error,
          batch.flatMap(({ events }) => events),
        )
      }
      for (const { done } of batch) done(stored)
    }
    writing = undefined
  }
  return {
    process: (events) =>
      new Promise((done) => {
        const lines = Buffer.from(events.map((event) => `${encode(event)}\n`).join(''))
        waiting.push({ events, lines, done })
        writing ??= writeAll()
      }),
    close: async () => {
      await writing
      await writer.close()
    },
  }
}

/** Standard output as a log. */
export const standardOutput: LineWriter = {
  append: (bytes) =>
    new Promise((resolve, reject) => {
      process.stdout.write(bytes, (error) => (error === null || error === undefined ? resolve() : reject(error)))
    }),
  close: async () => {},
}
