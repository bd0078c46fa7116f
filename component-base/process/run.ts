/** The life of a process, once for all components: signals, deadline, and no error that nobody hears. */
import { writeFileSync } from 'node:fs'
import { createLogger, describeError, type Logger } from '../logging/logger.ts'
import { useCompileCache } from './compile-cache.ts'

export interface RunContext {
  /** Aborted by the first SIGTERM or SIGINT. */
  readonly signal: AbortSignal
  readonly log: Logger
}

export interface RunOptions {
  /** How long `main` may take to return once it was told to stop; default 10 s. */
  readonly shutdownTimeoutMs?: number
}

const usageErrorCode = 2

/** A mistake in flags or files: told in one line, without a stack. The process ends with `exitCode`, 2 by default. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
  readonly exitCode: number
  constructor(message: string, { exitCode = usageErrorCode, ...options }: ErrorOptions & { exitCode?: number } = {}) {
    super(message, options)
    this.exitCode = exitCode
  }
}

/** `--v=4`, `-v 4`, `-v=4`, `-v4`: read before flags are parsed, because the logger comes first. */
export const verbosityOf = (argv: readonly string[]): number => {
  const index = argv.findIndex((arg) => /^(--?v(=|$)|-v\d+$)/.test(arg))
  if (index < 0) return 0
  const text = /^(?:--?v=|-v)(.+)$/.exec(argv[index] ?? '')?.[1] ?? argv[index + 1]
  const value = Number(text)
  return Number.isInteger(value) ? value : 0
}

/** In `ps` it is upstream's component with its flags; `pgrep -x` and `ps -C` know it by the name alone. */
const nameProcess = (name: string): void => {
  process.title = [name, ...process.argv.slice(2)].join(' ')
  try {
    writeFileSync('/proc/self/comm', name)
  } catch {
    // Elsewhere than on Linux the title is all there is.
  }
}

/**
 * Runs a component. `main` returns when it has stopped after `signal`; the process then exits with `process.exitCode`,
 * 0 if nobody set it. A UsageError ends it with 2; a second signal, a missed deadline, an uncaught exception or an unhandled rejection end it with 1.
 */
export const run = (name: string, main: (context: RunContext) => Promise<void>, options: RunOptions = {}): void => {
  useCompileCache()
  nameProcess(name)
  const log = createLogger(name, verbosityOf(process.argv.slice(2)))
  const controller = new AbortController()
  const fail = (err: unknown, message: string): never => {
    log.fatal(err === undefined ? {} : { err: describeError(err, true) }, message)
    process.exit(1)
  }
  process.on('uncaughtException', (err) => fail(err, 'uncaught exception'))
  process.on('unhandledRejection', (err) => fail(err, 'unhandled rejection'))
  const onSignal = (signal: NodeJS.Signals): void => {
    if (controller.signal.aborted) process.exit(1)
    log.debug({ signal }, 'shutting down')
    controller.abort(new Error(`received ${signal}`))
    setTimeout(() => fail(undefined, 'shutdown took too long'), options.shutdownTimeoutMs ?? 10_000)
  }
  // As long as main has not returned, the process lives, even if main waits for nothing but the signal.
  setInterval(() => undefined, 2 ** 31 - 1)
  process.on('SIGTERM', onSignal)
  process.on('SIGINT', onSignal)
  main({ signal: controller.signal, log }).then(
    () => process.exit(),
    (err: unknown) => {
      if (err instanceof UsageError) {
        process.stderr.write(`Error: ${err.message}\n`)
        process.exit(err.exitCode)
      }
      if (controller.signal.aborted && err === controller.signal.reason) process.exit(0)
      fail(err, 'ended with an error')
    },
  )
}
