/**
 * The processes of a cluster. Each has a pid file, so that a supervisor that was killed and started again adopts
 * what still runs instead of starting it twice.
 */
import { spawn } from 'node:child_process'
import { mkdirSync, openSync, closeSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { projectRoot } from './layout.ts'

/** Compiled code of all components: halves the time that a process takes to start. */
const compileCache = join(projectRoot, 'node_modules/.cache/kubets-compile')

/** What to run, and under which name it is known. */
export interface ProcessSpec {
  readonly name: string
  readonly argv: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

interface PidRecord {
  readonly pid: number
  /** Start time in clock ticks after boot: tells a process from another one that got its pid. */
  readonly startTime: string
  /** The command line it was started with: another one wanted means a restart. */
  readonly argv: readonly string[]
}

/** Field 22 of /proc/<pid>/stat, or undefined if the process is gone or a zombie. */
const startTimeOf = (pid: number): string | undefined => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' ? undefined : fields[19]
  } catch {
    return undefined
  }
}

const fileOf = (runDir: string, name: string): string => join(runDir, `${name}.pid`)

const readRecord = (runDir: string, name: string): PidRecord | undefined => {
  try {
    return JSON.parse(readFileSync(fileOf(runDir, name), 'utf8')) as PidRecord
  } catch {
    return undefined
  }
}

/** The pid of the named process if it runs, with the command line that it was started with. */
export const running = (runDir: string, name: string): PidRecord | undefined => {
  const record = readRecord(runDir, name)
  return record !== undefined && startTimeOf(record.pid) === record.startTime ? record : undefined
}

/** Names of all processes that have a pid file, running or not. */
export const knownProcesses = (runDir: string): string[] => {
  try {
    return readdirSync(runDir)
      .filter((file) => file.endsWith('.pid'))
      .map((file) => file.slice(0, -'.pid'.length))
  } catch {
    return []
  }
}

/**
 * Starts a process of its own session, its output appended to `<logDir>/<name>.log`, and records its pid. `onExit` is
 * called when it ends, as long as this process lives.
 */
export const start = (
  spec: ProcessSpec,
  dirs: { readonly run: string; readonly logs: string },
  onExit: () => void = () => undefined,
): number => {
  mkdirSync(dirs.run, { recursive: true })
  mkdirSync(dirs.logs, { recursive: true })
  const log = openSync(join(dirs.logs, `${spec.name}.log`), 'a')
  try {
    const [file = '', ...args] = spec.argv
    const child = spawn(file, args, {
      detached: true,
      stdio: ['ignore', log, log],
      env: { ...process.env, NODE_COMPILE_CACHE: compileCache, ...spec.env },
    })
    child.on('error', () => undefined) // no such file: the pid is undefined, which is told below
    if (child.pid === undefined) throw new Error(`${spec.name}: cannot start ${file}`)
    child.on('exit', onExit)
    child.unref()
    const record: PidRecord = { pid: child.pid, startTime: startTimeOf(child.pid) ?? '', argv: spec.argv }
    writeFileSync(fileOf(dirs.run, spec.name), JSON.stringify(record), { mode: 0o600 })
    return child.pid
  } finally {
    closeSync(log)
  }
}

const delay = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** SIGTERM, then SIGKILL after `graceMs`; returns when the process is gone. */
export const stop = async (runDir: string, name: string, graceMs = 10_000): Promise<void> => {
  const record = running(runDir, name)
  if (record !== undefined) {
    process.kill(record.pid, 'SIGTERM')
    const deadline = Date.now() + graceMs
    while (startTimeOf(record.pid) === record.startTime) {
      if (Date.now() > deadline) process.kill(record.pid, 'SIGKILL')
      await delay(20)
    }
  }
  rmSync(fileOf(runDir, name), { force: true })
}
