/** One etcd or etcd-lite process: started on its data directory, killed, started again. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { projectRoot } from '../../deploy/layout.ts'

/** Where deploy/setup-tests.sh puts Debian's etcd when the package itself is not installed. */
const extracted = '/var/cache/kubets/etcd'

const findBinary = (name: string): string => {
  const found = [`/usr/bin/${name}`, `${extracted}/usr/bin/${name}`].find(existsSync)
  if (found === undefined) throw new Error(`no ${name} on this machine: run deploy/setup-tests.sh`)
  return found
}

export const etcdBinary = (): string => findBinary('etcd')
export const etcdctlBinary = (): string => findBinary('etcdctl')

export type EtcdKind = 'etcd' | 'etcd-lite'

export interface EtcdMember {
  readonly name: string
  /** Client URL; the same after a restart. */
  readonly endpoint: string
  readonly dataDir: string
  /** Undefined while it is down. */
  readonly pid: () => number | undefined
  /** Everything it wrote to its standard error, over all restarts. */
  readonly log: () => string
  /** Resolves when the process is gone. */
  readonly kill: (signal?: NodeJS.Signals) => Promise<void>
  /** Starts the process; resolves when it serves. Throws with its log if it does not. */
  readonly start: () => Promise<void>
}

export interface MemberOptions {
  readonly kind: EtcdKind
  readonly name: string
  readonly endpoint: string
  readonly dataDir: string
  /** All flags but the data directory. */
  readonly flags: readonly string[]
}

const readyLine = /ready to serve client requests|serving client traffic (in)?secur/
const startTimeoutMs = 30_000

const spawnServer = ({ kind, dataDir, flags }: MemberOptions): ChildProcess => {
  const args = [`--data-dir=${dataDir}`, ...flags]
  const [file, all] =
    kind === 'etcd'
      ? [etcdBinary(), ['--logger=zap', ...args]]
      : [process.execPath, [join(projectRoot, 'etcd-lite/main.ts'), ...args]]
  return spawn(file, all, { stdio: ['ignore', 'ignore', 'pipe'] })
}

export const createMember = (options: MemberOptions): EtcdMember => {
  const { name, endpoint, dataDir, kind } = options
  let log = ''
  let child: ChildProcess | undefined
  let wanted = false
  const start = async (): Promise<void> => {
    if (child !== undefined) throw new Error(`${kind} ${name} is running already`)
    wanted = true
    const started = spawnServer(options)
    child = started
    const from = log.length
    const ready = Promise.withResolvers<void>()
    const fail = (what: string): void =>
      ready.reject(new Error(`${kind} ${name} ${what}; its log:\n${log.slice(-5000)}`))
    const timer = setTimeout(() => fail(`did not serve in ${startTimeoutMs} ms`), startTimeoutMs)
    started.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
      log += chunk
      if (readyLine.test(log.slice(from))) ready.resolve()
    })
    started.once('error', (err) => {
      child = undefined
      fail(String(err))
    })
    started.once('close', (code, signal) => {
      child = undefined
      fail(`ended (${code ?? signal})`)
      if (wanted) process.stderr.write(`${kind} ${name} ended by itself (${code ?? signal}):\n${log.slice(-5000)}\n`)
    })
    try {
      await ready.promise
    } finally {
      clearTimeout(timer)
    }
  }
  return {
    name,
    endpoint,
    dataDir,
    pid: () => child?.pid,
    log: () => log,
    start,
    kill: async (signal = 'SIGKILL') => {
      wanted = false
      if (child === undefined) return
      const closed = once(child, 'close')
      child.kill(signal)
      await closed
    },
  }
}
