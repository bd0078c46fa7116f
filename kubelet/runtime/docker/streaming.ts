/** exec, attach and logs on Docker. */
import { readFile } from 'node:fs/promises'
import type { Duplex, Readable } from 'node:stream'
import type Dockerode from 'dockerode'
import {
  type ExecOptions,
  type ExecResult,
  type LogChunk,
  type LogOptions,
  type StreamSession,
  TimeoutError,
} from '../runtime-service.ts'
import { formatDuration } from '../../../component-base/flags/duration.ts'
import type { Docker } from './client.ts'
import { createDemultiplexer, demultiplex } from './multiplex.ts'

/** Exit code of an exec whose streams have ended; the engine records it a moment later. */
const execExitCode = async (exec: {
  inspect(): Promise<{ Running: boolean; ExitCode: number | null }>
}): Promise<number> => {
  for (let attempt = 0; ; attempt++) {
    const { Running, ExitCode } = await exec.inspect()
    if (!Running && ExitCode !== null) return ExitCode
    if (attempt > 200) throw new Error('the engine does not tell the exit code')
    await new Promise((resolve) => setTimeout(resolve, Math.min(5 + attempt * 5, 100)))
  }
}

const session = (
  stream: Duplex,
  { tty, stdin }: { readonly tty: boolean; readonly stdin: boolean },
  actions: Pick<StreamSession, 'resize' | 'wait'>,
): StreamSession => {
  const outputs = tty ? { stdout: stream as Readable, stderr: undefined } : demultiplex(stream)
  return {
    stdin: stdin ? stream : undefined,
    ...outputs,
    closeStdin: () => {
      stream.end()
    },
    destroy: () => {
      stream.destroy()
    },
    ...actions,
  }
}

/** Ends the process of an exec, which the engine cannot: by its PID, if that is still a process of the container. */
const killExec = async (exec: Dockerode.Exec, containerId: string): Promise<void> => {
  const { Running, Pid } = await exec.inspect()
  if (!Running || Pid <= 0) return
  const cgroups = await readFile(`/proc/${Pid}/cgroup`, 'utf8').catch(() => '')
  if (cgroups.includes(containerId)) process.kill(Pid, 'SIGKILL')
}

interface ExecSession extends StreamSession {
  kill(): Promise<void>
}

/** Starts a command in a running container, with its streams. */
export const startExec = async (docker: Docker, id: string, options: ExecOptions): Promise<ExecSession> => {
  const exec = await docker.getContainer(id).exec({
    AttachStdin: options.stdin,
    AttachStdout: true,
    AttachStderr: !options.tty,
    Tty: options.tty,
    Cmd: [...options.command],
  })
  const stream = await exec.start({ hijack: true, stdin: options.stdin, Tty: options.tty })
  const ended = new Promise<void>((resolve) => {
    stream.once('end', resolve)
    stream.once('close', resolve)
  })
  const joined = session(stream, options, {
    resize: async ({ width, height }) => {
      await exec.resize({ w: width, h: height })
    },
    wait: async () => {
      await ended
      return execExitCode(exec)
    },
  })
  return { ...joined, kill: () => killExec(exec, id) }
}

/** Joins the streams of a container's first process. */
export const startAttach = async (
  docker: Docker,
  id: string,
  options: { readonly stdin: boolean; readonly tty: boolean },
): Promise<StreamSession> => {
  const container = docker.getContainer(id)
  const stream = (await container.attach({
    stream: true,
    hijack: true,
    stdin: options.stdin,
    stdout: true,
    stderr: true,
  })) as Duplex
  return session(stream, options, {
    resize: async ({ width, height }) => {
      await container.resize({ w: width, h: height })
    },
    wait: async () => {
      const result = (await container.wait()) as { StatusCode: number }
      return result.StatusCode
    },
  })
}

/** Most output that execSync keeps of each stream; probes and hooks show far less. */
const maxOutputBytes = 16 * 1024 * 1024

const collect = async (stream: Readable | undefined): Promise<Buffer> => {
  const chunks: Buffer[] = []
  let size = 0
  if (stream === undefined) return Buffer.alloc(0)
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    if (size < maxOutputBytes) chunks.push(chunk)
    size += chunk.length
  }
  return Buffer.concat(chunks)
}

/** Runs a command to its end. After timeoutMs (0: none) the command is killed and a TimeoutError thrown. */
export const runExec = async (
  docker: Docker,
  id: string,
  { command, timeoutMs }: { readonly command: readonly string[]; readonly timeoutMs: number },
): Promise<ExecResult> => {
  const running = await startExec(docker, id, { command, tty: false, stdin: false })
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<never>((_resolve, reject) => {
    if (timeoutMs === 0) return
    timer = setTimeout(() => {
      reject(new TimeoutError(`${JSON.stringify(command.join(' '))} timed out after ${formatDuration(timeoutMs)}`))
      running.kill().catch(() => undefined)
      running.destroy()
    }, timeoutMs)
  })
  try {
    const done = Promise.all([collect(running.stdout), collect(running.stderr), running.wait()])
    // When the time is over the cut streams may fail after nobody listens.
    done.catch(() => undefined)
    const [stdout, stderr, exitCode] = await Promise.race([done, timeout])
    return { exitCode, stdout, stderr }
  } finally {
    clearTimeout(timer)
  }
}

/** Streams a container's log in order; with a TTY everything is stdout. */
export const streamLogs = async (
  docker: Docker,
  id: string,
  options: LogOptions & { readonly tty: boolean },
  signal: AbortSignal,
): Promise<AsyncIterable<LogChunk>> => {
  const query = {
    follow: options.follow,
    stdout: options.stdout,
    stderr: options.stderr,
    timestamps: options.timestamps,
    ...(options.sinceMs === 0 ? {} : { since: (options.sinceMs / 1000).toFixed(9) }),
    ...(options.tailLines === undefined ? {} : { tail: options.tailLines }),
  }
  const source = await new Promise<Readable>((resolve, reject) => {
    docker.modem.dial(
      {
        path: `/containers/${id}/logs?`,
        method: 'GET',
        isStream: true,
        abortSignal: signal,
        statusCodes: { 200: true, 101: true, 404: 'no such container', 500: 'server error' },
        options: query,
      },
      (error: unknown, stream: unknown) => {
        if (error === null || error === undefined) resolve(stream as Readable)
        else reject(error instanceof Error ? error : new Error(String(error)))
      },
    )
  })
  return logChunks(source, options.tty, signal)
}

async function* logChunks(source: Readable, tty: boolean, signal: AbortSignal): AsyncGenerator<LogChunk> {
  const split = createDemultiplexer()
  try {
    for await (const chunk of source as AsyncIterable<Buffer>) {
      if (tty) yield { stderr: false, data: chunk }
      else yield* split(chunk)
    }
  } catch (error) {
    // An aborted request destroys its stream with an error that is no news.
    if (!signal.aborted) throw error
  } finally {
    source.destroy()
  }
}
