import { type Logger as PinoLogger, pino } from 'pino'

export type Logger = PinoLogger

/**
 * The logger of a process: JSON lines on standard error, with upstream's field names. Quiet by default: info is for
 * rare events of a life cycle. Verbosity is upstream's `--v`: 4 and more shows debug, 8 and more shows everything.
 */
export const createLogger = (component: string, verbosity = 0): Logger =>
  pino(
    {
      level: verbosity >= 8 ? 'trace' : verbosity >= 4 ? 'debug' : 'info',
      base: { component },
      timestamp: () => `,"ts":"${new Date().toISOString()}"`,
      formatters: { level: (level) => ({ level }) },
      serializers: { err: pino.stdSerializers.err },
    },
    pino.destination({ dest: 2, sync: true }),
  )
