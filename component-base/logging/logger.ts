/** Structured logs: JSON lines on standard error, with upstream's field names (ts, level, msg, err). */
import { type Logger as PinoLogger, pino } from 'pino'

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

/**
 * The logger of a process. Quiet by default: info is for rare events of a life cycle. Verbosity is upstream's `--v`:
 * 4 and more shows debug, 8 and more shows everything. Lines are written in the background; a fatal one, and the end of
 * the process, wait for all.
 */
export const createLogger = (component: string, verbosity = 0): Logger =>
  pino(
    {
      level: verbosity >= 8 ? 'trace' : verbosity >= 4 ? 'debug' : 'info',
      base: { component },
      timestamp: () => `,"ts":"${new Date().toISOString()}"`,
      formatters: { level: (level) => ({ level }) },
      serializers: { err: (error: unknown) => describeError(error, verbosity >= 4) },
    },
    pino.destination({ dest: 2, sync: false }),
  )
