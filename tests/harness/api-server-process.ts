/** One more API server on a cluster's store, for tests that race two and kill one. */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { loadKubeconfig } from '../../component-base/kubeconfig.ts'
import { createRestClient, type RestClient } from '../../client/rest/rest-client.ts'
import { controlPlaneProcesses } from '../../deploy/components.ts'
import { projectRoot } from '../../deploy/layout.ts'
import type { TestCluster } from './cluster.ts'
import { restartablePort } from '../../testing/ports.ts'
import { waitFor } from './wait.ts'

export interface ApiServerOptions {
  readonly flags?: Readonly<Record<string, string>>
  /** Times of the repair of Services; default: those of the real one. */
  readonly repair?: { readonly intervalMs: number; readonly graceMs: number }
}

export interface ApiServerProcess extends AsyncDisposable {
  readonly client: RestClient
  readonly server: string
  readonly log: () => string
  /** kill -9; resolves when it is gone. */
  readonly kill: () => Promise<void>
}

const realRepair = { intervalMs: 180_000, graceMs: 60_000 }

/** Starts it and waits until it is ready. It leaves the endpoints of the kubernetes Service alone. */
export const startApiServer = async (
  cluster: TestCluster,
  { flags = {}, repair = realRepair }: ApiServerOptions = {},
): Promise<ApiServerProcess> => {
  const port = await restartablePort()
  const processes = controlPlaneProcesses(cluster.config(), cluster.layout)
  const [command = process.execPath, ...line] = processes.find(({ name }) => name === 'kube-apiserver')?.argv ?? []
  const main = line.findIndex((arg) => arg.endsWith('.ts'))
  const own = { 'secure-port': String(port), 'endpoint-reconciler-type': 'none', ...flags }
  const args = [
    ...line.slice(0, main),
    join(projectRoot, 'tests/harness/api-server-main.ts'),
    JSON.stringify(repair),
    ...line.slice(main + 1).filter((arg) => !(nameOf(arg) in own)),
    ...Object.entries(own).map(([flag, value]) => `--${flag}=${value}`),
  ]
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  let log = ''
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    log += chunk
  })
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const end = (signal: NodeJS.Signals): Promise<void> => {
    child.kill(signal)
    return ended
  }
  const server = `https://127.0.0.1:${port}`
  const client = createRestClient(
    { ...loadKubeconfig(cluster.layout.adminConf), server },
    { userAgent: 'kubets-tests' },
  )
  const becomesReady = async (): Promise<'ready' | 'ended' | undefined> => {
    if (child.exitCode !== null) return 'ended'
    return (await client.raw('GET', '/readyz')) === 'ok' ? 'ready' : undefined
  }
  try {
    const state = await waitFor(becomesReady, { what: 'the second API server', timeoutMs: 60_000 })
    if (state === 'ended') throw new Error(`the API server ended: ${log}`)
  } catch (error) {
    await end('SIGKILL')
    throw error
  }
  return {
    client,
    server,
    log: () => log,
    kill: () => end('SIGKILL'),
    [Symbol.asyncDispose]: async () => {
      // First the server: a client waits for its requests, and those to a dead one never end.
      await end('SIGTERM')
      await client.close()
    },
  }
}

const nameOf = (arg: string): string => arg.slice(2, arg.indexOf('='))
