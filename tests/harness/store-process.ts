/** One etcd-lite process, close to the metal: tests that kill it, trace it and look at how it ends. */
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { projectRoot } from '../../deploy/layout.ts'

const main = join(projectRoot, 'etcd-lite/main.ts')

export interface StoreProcessOptions {
  /** Command that runs the server, such as strace and its flags. */
  readonly prefix?: readonly string[]
  readonly flags?: readonly string[]
  /** Default: this process's. */
  readonly uid?: number
}

export interface StoreEnd {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export interface StoreProcess {
  readonly child: ChildProcess
  /** Its endpoint, once it serves; rejects with its log when it ends before. */
  readonly ready: Promise<string>
  readonly ended: Promise<StoreEnd>
  readonly log: () => string
  /** Resolves when it is gone. */
  readonly kill: (signal?: NodeJS.Signals) => Promise<StoreEnd>
}

/** Starts a server on a free port of the loopback. */
export const spawnStore = (dataDir: string, options: StoreProcessOptions = {}): StoreProcess => {
  const [command = process.execPath, ...args] = [
    ...(options.prefix ?? []),
    process.execPath,
    main,
    `--data-dir=${dataDir}`,
    '--listen-client-urls=http://127.0.0.1:0',
    '--advertise-client-urls=http://127.0.0.1:0',
    '--advertise-client-urls=http://127.0.0.1:0',
    ...(options.flags ?? []),
  ]
  const child = spawn(command, args, {
    stdio: ['ignore', 'ignore', 'pipe'],
    ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.uid }),
  })
  let text = ''
  const ended = new Promise<StoreEnd>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => resolve({ code, signal }))
  })
  const ready = new Promise<string>((resolve, reject) => {
    child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
      const port = /"ports":\[(\d+)\]/.exec(text)?.[1]
      if (port !== undefined) resolve(`http://127.0.0.1:${port}`)
    })
    ended.then(({ code, signal }) => reject(new Error(`the store ended (${code ?? signal}): ${text}`)), reject)
  })
  ready.catch(() => {}) // who kills it before it serves does not wait for it
  return {
    child,
    ready,
    ended,
    log: () => text,
    kill: (signal = 'SIGKILL') => {
      child.kill(signal)
      return ended
    },
  }
}
