/** One server of a test environment: started, found ready, stopped, started again on the same ports. */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface ServerSpec {
  readonly name: string
  readonly argv: readonly string[]
  readonly env: Readonly<Record<string, string>>
  /** Whether it serves; a probe that throws means not yet. */
  readonly isReady: () => Promise<boolean>
}

export interface ServerProcess {
  /** Starts it; resolves when the process exists. */
  readonly start: () => void
  /** Rejects with the end of its log when it ends or the time is over. */
  readonly ready: () => Promise<void>
  /** Resolves when it is gone: after the signal, or after SIGKILL when that took too long. */
  readonly stop: (signal?: NodeJS.Signals) => Promise<void>
  readonly pid: () => number | undefined
  /** All that it wrote, over all starts. */
  readonly log: () => string
}

export interface ServerTimes {
  readonly startTimeoutMs: number
  readonly stopTimeoutMs: number
}

const pollMs = 20
const shownLogBytes = 4_000
const delay = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, pollMs))

const preload = join(import.meta.dirname, 'end-with-parent.ts')

/** A server whose log and life belong to `directory`. */
export const createServerProcess = (spec: ServerSpec, directory: string, times: ServerTimes): ServerProcess => {
  const logFile = join(directory, `${spec.name}.log`)
  let child: ChildProcess | undefined
  let closed: Promise<void> = Promise.resolve()
  const log = (): string => readFileSync(logFile, 'utf8')
  const failure = (what: string): Error =>
    new Error(`${spec.name} ${what}; the end of its log:\n${log().slice(-shownLogBytes)}`)
  const start = (): void => {
    if (child !== undefined) throw new Error(`${spec.name} is running already`)
    const [command = '', ...args] = spec.argv
    const output = openSync(logFile, 'a', 0o600)
    const started = spawn(command, [`--import=${preload}`, ...args], {
      stdio: ['ignore', output, output, 'ipc'],
      detached: true, // Ctrl-C is for the tests; they stop this
      env: { ...process.env, ...spec.env, KUBETS_TESTING_DIRECTORY: directory },
    })
    closeSync(output)
    // A test process whose work is done may end without stopping anything.
    started.unref()
    started.channel?.unref()
    child = started
    closed = new Promise((resolve) => {
      const end = (): void => {
        if (child === started) child = undefined
        resolve()
      }
      started.once('exit', end)
      started.once('error', end)
    })
  }
  return {
    start,
    ready: async () => {
      const deadline = performance.now() + times.startTimeoutMs
      while (child !== undefined) {
        if (await spec.isReady().catch(() => false)) return
        if (performance.now() > deadline) throw failure(`was not ready after ${times.startTimeoutMs} ms`)
        await delay()
      }
      throw failure('ended')
    },
    stop: async (signal = 'SIGTERM') => {
      const stopping = child
      if (stopping === undefined) return
      stopping.ref()
      stopping.kill(signal)
      const timer = setTimeout(() => stopping.kill('SIGKILL'), times.stopTimeoutMs)
      await closed
      clearTimeout(timer)
    },
    pid: () => child?.pid,
    log,
  }
}
