/** One more API server on a cluster's store, for tests that race two and kill one. */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { loadKubeconfig } from '../../component-base/kubeconfig.ts'
import { createRestClient, type RestClient } from '../../client/rest/rest-client.ts'
import { controlPlaneProcesses } from '../../deploy/components.ts'
import { projectRoot } from '../../deploy/layout.ts'
import type { TestCluster } from './cluster.ts'
import { restartablePort } from './ports.ts'
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
  const argv = controlPlaneProcesses(cluster.config(), cluster.layout).find(
    ({ name }) => name === 'kube-apiserver',
  )?.argv
  const own = { 'secure-port': String(port), 'endpoint-reconciler-type': 'none', ...flags }
  const inherited = (argv ?? []).filter((arg) => arg.startsWith('--') && !isRuntimeFlag(arg) && !(nameOf(arg) in own))
  const args = [
    '--disable-warning=ExperimentalWarning',
    join(projectRoot, 'tests/harness/api-server-main.ts'),
    JSON.stringify(repair),
    ...inherited,
    ...Object.entries(own).map(([flag, value]) => `--${flag}=${value}`),
  ]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  let log = ''
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    log += chunk
  })
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    child.kill(signal)
    await ended
  }
  const server = `https://127.0.0.1:${port}`
  const client = createRestClient(
    { ...loadKubeconfig(cluster.layout.adminConf), server },
    { userAgent: 'kubets-tests' },
  )
  try {
    await waitFor(
      async () => {
        if (child.exitCode !== null) throw new Error(`the API server ended: ${log}`)
        return (await client.raw('GET', '/readyz')) === 'ok'
      },
      { what: 'the second API server', timeoutMs: 60_000 },
    )
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
const isRuntimeFlag = (arg: string): boolean => ['max-semi-space-size', 'disable-warning'].includes(nameOf(arg))
