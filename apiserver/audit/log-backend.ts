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
  readonly lines: string
  readonly done: (stored: boolean) => void
}

/** More than this is not joined to one write: rotation measures by writes. */
const maxWriteBytes = 1024 * 1024

/** How long a line may wait for others: a write costs as much as several requests' lines. */
const gatherMs = 4

/** Nobody answers a request before this stage is stored; of the others nobody waits for. */
const isAwaited = ({ stage }: AuditEvent): boolean => stage === 'RequestReceived'

/** One write is under way at a time; what comes meanwhile, or shortly after another, is written together. */
export const createLogBackend = (writer: LineWriter, format: LogFormat, reportLoss: ReportLoss): AuditBackend => {
  const encode = format === 'json' ? encodeEvent : eventLine
  let waiting: Waiting[] = []
  let writing: Promise<void> | undefined
  let hurry: (() => void) | undefined

  const takeSome = (): Waiting[] => {
    let size = 0
    const count = waiting.findIndex(({ lines }) => (size += lines.length) > maxWriteBytes)
    return waiting.splice(0, count < 0 ? waiting.length : Math.max(count, 1))
  }
  /** Whoever is in a hurry still takes along what else this turn of the event loop brings. */
  const gather = (): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, gatherMs)
      hurry = () => {
        clearTimeout(timer)
        setImmediate(resolve)
      }
      if (waiting.some(({ events }) => events.some(isAwaited))) hurry()
    })
  const write = async (batch: readonly Waiting[]): Promise<void> => {
    let stored = true
    try {
      await writer.append(Buffer.from(batch.map(({ lines }) => lines).join('')))
    } catch (error) {
      stored = false
      const lost = batch.flatMap(({ events }) => events)
      reportLoss('log', error, lost)
    }
    for (const { done } of batch) done(stored)
  }
  const writeAll = async (): Promise<void> => {
    do {
      await gather()
      await write(takeSome())
    } while (waiting.length > 0)
    writing = undefined
  }
  return {
    process: (events) =>
      new Promise((done) => {
        const lines = events.map((event) => `${encode(event)}\n`).join('')
        waiting.push({ events, lines, done })
        writing ??= writeAll()
        if (events.some(isAwaited)) hurry?.()
      }),
    close: async () => {
      hurry?.()
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
