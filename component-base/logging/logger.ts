/** Structured logs: JSON lines on standard error, with upstream's field names (ts, level, msg, err). */
import { openSync } from 'node:fs'
import { type DestinationStream, type Logger as PinoLogger, pino } from 'pino'

export type Logger = PinoLogger

/** Mistakes of ours, for which the stack is what matters; of others (refused connections, Status errors) it is not. */
const isBug = (error: Error): boolean =>
  ['TypeError', 'RangeError', 'ReferenceError', 'SyntaxError', 'AssertionError'].includes(error.name)

/** An error as one string, as upstream logs it: message and causes; with `withStack`, where it came from. */
export const describeError = (error: unknown, withStack = false): string => {
  if (!(error instanceof Error)) return typeof error === 'string' ? error : JSON.stringify(error)
  if (withStack || isBug(error)) return error.stack ?? error.message
  const { message, cause } = error
  const because = cause instanceof Error && !message.includes(cause.message) ? `: ${describeError(cause)}` : ''
  return `${message === '' ? error.name : message}${because}`
}

/** Where lines go; they are written in the background. */
export type LogDestination = DestinationStream

const standardOutputs: Readonly<Record<string, number>> = { stdout: 1, stderr: 2 }

/** Opens outputs: `stdout`, `stderr`, or files that are appended to. Throws when a file cannot be opened. */
export const openLogOutputs = (outputs: readonly string[]): LogDestination => {
  const streams = outputs.map((output) =>
    pino.destination({ dest: standardOutputs[output] ?? openSync(output, 'a'), sync: false }),
  )
  const [first] = streams
  if (streams.length === 1 && first !== undefined) return first
  return pino.multistream(streams.map((stream) => ({ stream, level: 'trace' })))
}

/**
 * The logger of a process. Quiet by default: info is for rare events of a life cycle. Verbosity is upstream's `--v`:
 * 4 and more shows debug, 8 and more shows everything. Lines are written in the background; a fatal one, and the end of
 * the process, wait for all.
 */
export const createLogger = (
  component: string,
  verbosity = 0,
  destination: LogDestination = openLogOutputs(['stderr']),
): Logger =>
  pino(
    {
      level: verbosity >= 8 ? 'trace' : verbosity >= 4 ? 'debug' : 'info',
      base: { component },
      timestamp: () => `,"ts":"${new Date().toISOString()}"`,
      formatters: { level: (level) => ({ level }) },
      serializers: { err: (error: unknown) => describeError(error, verbosity >= 4) },
    },
    destination,
  )
