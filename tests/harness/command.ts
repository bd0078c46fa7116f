/** Commands as a user types them. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { waitFor } from './wait.ts'

export interface CommandResult {
  /** 128 + the signal's number is not made up here: a command that a signal ended has -1. */
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface CommandOptions {
  readonly input?: string | Buffer
  /** Default 30 s. The command is killed then. */
  readonly timeoutMs?: number
  readonly env?: Readonly<Record<string, string>>
}

/** A command that goes on: its output so far can be looked at, and lines can be typed to it. */
export interface RunningCommand extends AsyncDisposable {
  readonly child: ChildProcess
  readonly stdout: () => string
  readonly stderr: () => string
  readonly type: (text: string) => void
  /** Ends standard input. */
  readonly end: () => void
  /** Waits until the output holds what is asked for. */
  readonly until: (pattern: RegExp, timeoutMs?: number) => Promise<RegExpExecArray>
  readonly ended: Promise<CommandResult>
}

/** Starts a command; disposal kills it. */
export const startCommand = (
  file: string,
  args: readonly string[],
  { env }: Pick<CommandOptions, 'env'> = {},
): RunningCommand => {
  const child = spawn(file, args, { env: { ...process.env, ...env }, stdio: ['pipe', 'pipe', 'pipe'] })
  const text = { stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text.stdout += chunk
  })
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    text.stderr += chunk
  })
  child.stdin.on('error', () => {}) // a command that ended does not read
  const ended = new Promise<CommandResult>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve({ code: code ?? -1, ...text }))
  })
  ended.catch(() => {}) // told to whoever waits for it
  const describe = (): string => `${file} ${args.join(' ')}\nstdout: ${text.stdout}\nstderr: ${text.stderr}`
  return {
    child,
    ended,
    stdout: () => text.stdout,
    stderr: () => text.stderr,
    type: (input) => child.stdin.write(input),
    end: () => child.stdin.end(),
    until: async (pattern, timeoutMs = 15_000) => {
      try {
        return await waitFor(() => pattern.exec(text.stdout), { timeoutMs, what: `${pattern} in the output` })
      } catch (cause) {
        throw new Error(`no ${pattern} in the output of ${describe()}`, { cause })
      }
    },
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return
      const closed = once(child, 'close')
      child.kill('SIGKILL')
      await closed
    },
  }
}

/** Runs a command to its end; never throws on a non-zero exit. */
export const runCommand = async (
  file: string,
  args: readonly string[],
  { input = '', timeoutMs = 30_000, env = {} }: CommandOptions = {},
): Promise<CommandResult> => {
  await using command = startCommand(file, args, { env })
  command.child.stdin?.end(input)
  const timer = setTimeout(() => command.child.kill('SIGKILL'), timeoutMs)
  try {
    return await command.ended
  } finally {
    clearTimeout(timer)
  }
}
