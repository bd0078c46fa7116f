/** What happens to servers: killed, stopped for a while, cut off; and a second API server on the same store. */
import { type ChildProcess, spawn } from 'node:child_process'
import net from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { running } from '../../../deploy/process-table.ts'
import type { TestCluster } from '../../harness/cluster.ts'
import { createHttpTo } from '../../harness/http.ts'
import { restartablePort } from '../../../testing/ports.ts'
import { waitFor } from '../../harness/wait.ts'
import { identityOf } from './stage.ts'

type ServerName = 'etcd' | 'kube-apiserver'

const recordOf = (cluster: TestCluster, name: ServerName) => {
  const record = running(cluster.layout.run, name)
  if (record === undefined) throw new Error(`${name} does not run`)
  return record
}

const isReady = async (cluster: TestCluster, server: string): Promise<boolean> => {
  const { ca, ...identity } = identityOf(cluster)
  return (await createHttpTo({ server, ca }, identity)('/readyz')).code === 200
}

/** kill -9; returns when the supervisor has started it again and the API is ready. */
export const killAndRestart = async (cluster: TestCluster, name: ServerName): Promise<void> => {
  const { pid } = recordOf(cluster, name)
  process.kill(pid, 'SIGKILL')
  await waitFor(() => (running(cluster.layout.run, name)?.pid ?? pid) !== pid, { what: `another ${name}` })
  await waitFor(() => isReady(cluster, cluster.server), { what: `${name} to serve again` })
}

/** The process neither runs nor answers for this long: a machine that hangs. */
export const freeze = async (pid: number, ms: number): Promise<void> => {
  process.kill(pid, 'SIGSTOP')
  try {
    await delay(ms)
  } finally {
    process.kill(pid, 'SIGCONT')
  }
}

export const pidOf = (cluster: TestCluster, name: ServerName): number => recordOf(cluster, name).pid

export interface ApiServer extends AsyncDisposable {
  readonly server: string
  readonly pid: number
}

/** A second API server, with the flags of the cluster's first. */
export const startAnotherApiServer = async (cluster: TestCluster): Promise<ApiServer> => {
  const port = await restartablePort()
  const { argv } = recordOf(cluster, 'kube-apiserver')
  const [file = '', ...args] = argv.map((arg) => (arg.startsWith('--secure-port=') ? `--secure-port=${port}` : arg))
  const child: ChildProcess = spawn(file, args, { stdio: 'ignore' })
  const ended = new Promise<void>((resolve) => void child.once('exit', () => resolve()))
  const server = `https://127.0.0.1:${port}`
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL')
    await ended
  }
  try {
    await waitFor(() => isReady(cluster, server), { what: 'the second API server' })
  } catch (error) {
    await stop()
    throw error
  }
  return { server, pid: child.pid ?? 0, [Symbol.asyncDispose]: stop }
}

export interface Relay extends AsyncDisposable {
  readonly server: string
  /** Resets all connections. */
  readonly cut: () => void
}

/** Passes bytes on to an API server until it is told to cut. */
export const startRelay = async (to: string): Promise<Relay> => {
  const { hostname, port } = new URL(to)
  const sockets = new Set<net.Socket>()
  const hold = (socket: net.Socket): void => {
    sockets.add(socket)
    socket.on('error', () => undefined).once('close', () => sockets.delete(socket))
  }
  const listener = net.createServer((client) => {
    const server = net.connect(Number(port), hostname)
    hold(client)
    hold(server)
    client.pipe(server).pipe(client)
    client.once('close', () => server.destroy())
    server.once('close', () => client.destroy())
  })
  const cut = (): void => {
    for (const socket of sockets) socket.resetAndDestroy()
  }
  await new Promise<void>((resolve) => void listener.listen(0, '127.0.0.1', resolve))
  const address = listener.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return {
    server: `https://127.0.0.1:${address.port}`,
    cut,
    [Symbol.asyncDispose]: async () => {
      const closed = new Promise<void>((resolve) => void listener.close(() => resolve()))
      cut()
      await closed
    },
  }
}
