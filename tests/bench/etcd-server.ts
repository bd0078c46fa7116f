/** One store to measure: Debian's etcd or etcd-lite, as a process of its own, on a data directory of its own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EtcdClient } from '../../component-base/etcd/client.ts'
import { projectRoot } from '../../deploy/layout.ts'
import { cpuMsOf, memoryOf } from './processes.ts'

export type StoreKind = 'etcd' | 'etcd-lite'

export interface BenchedStore extends AsyncDisposable {
  readonly kind: StoreKind
  readonly endpoint: string
  /** From the spawn of the process until it answered. */
  readonly startMs: number
  readonly cpuMs: () => number
  readonly rssMiB: () => number
  readonly diskMiB: () => number
  /** Ends the process in order and starts it again on the same data. */
  readonly restart: () => Promise<BenchedStore>
}

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  if (typeof address !== 'object' || address === null) throw new Error('no free port')
  return address.port
}

const commandOf = (kind: StoreKind, dataDir: string, client: string, peer: string): [string, ...string[]] => {
  const common = ['--data-dir', dataDir, '--listen-client-urls', client, '--advertise-client-urls', client]
  // A quota of 8 GiB: the benchmark of a million keys does not fit into the default.
  const quota = ['--quota-backend-bytes', String(8 * 1024 ** 3)]
  if (kind === 'etcd-lite') {
    // As the launcher starts it.
    return [
      process.execPath,
      '--max-semi-space-size=4',
      join(projectRoot, 'etcd-lite/main.ts'),
      ...common,
      ...quota,
      '--log-level=error',
    ]
  }
  const peers = ['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer, '--initial-cluster']
  return ['etcd', ...common, ...quota, ...peers, `default=${peer}`, '--log-level=error']
}

const sizeOf = (path: string): number => {
  const stats = statSync(path)
  if (!stats.isDirectory()) return stats.blocks * 512
  return readdirSync(path).reduce((sum, name) => sum + sizeOf(join(path, name)), 0)
}

const untilServing = async (endpoint: string, child: ChildProcess): Promise<void> => {
  for (;;) {
    if (child.exitCode !== null) throw new Error(`the store ended with ${child.exitCode}`)
    using client = new EtcdClient({ endpoints: [endpoint] })
    const answer = await client.range({ key: Buffer.from('x') }, { timeoutMs: 1000 }).catch(() => undefined)
    if (answer !== undefined) return
  }
}

const startOn = async (kind: StoreKind, dataDir: string): Promise<BenchedStore> => {
  const endpoint = `http://127.0.0.1:${await freePort()}`
  const [file, ...args] = commandOf(kind, dataDir, endpoint, `http://127.0.0.1:${await freePort()}`)
  const before = performance.now()
  const child = spawn(file, args, { stdio: ['ignore', 'ignore', 'inherit'] })
  const exited = once(child, 'exit')
  await untilServing(endpoint, child)
  const pid = child.pid ?? 0
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM')
    await exited
  }
  return {
    kind,
    endpoint,
    startMs: performance.now() - before,
    cpuMs: () => cpuMsOf(pid),
    rssMiB: () => memoryOf(pid).rssMiB,
    diskMiB: () => Math.round(sizeOf(dataDir) / 1024 ** 2),
    restart: async () => {
      await stop()
      return startOn(kind, dataDir)
    },
    [Symbol.asyncDispose]: async () => {
      await stop()
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
}

/** Starts an empty store in a temporary directory, which its disposal removes. */
export const startStore = (kind: StoreKind): Promise<BenchedStore> =>
  startOn(kind, mkdtempSync(join(tmpdir(), `bench-${kind}-`)))
