/**
 * `kubets/testing`: a real control plane for a test suite, as envtest is for Go. Store and API server (and, if wanted,
 * controller-manager and scheduler) are processes of their own on free ports of the loopback; their data is in a
 * temporary directory that goes with them. There are no nodes: Pods are objects that nobody runs.
 *
 *     await using environment = await startControlPlane({ crds: ['config/crd'] })
 *     const kubeconfig = new KubeConfig()
 *     kubeconfig.loadFromFile(environment.kubeconfig)
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { CustomResourceDefinition } from '../api/types.ts'
import { loadKubeconfig } from '../component-base/kubeconfig.ts'
import type { RestClient } from '../client/rest/rest-client.ts'
import { compileCacheDirectory } from '../component-base/process/compile-cache.ts'
import { commandLine, environment, type Flags } from '../deploy/components.ts'
import {
  apiServerFlags,
  controllerFlags,
  type ControllerName,
  etcdFlags,
  type ExtraFlags,
  type ServerName,
} from './server-flags.ts'
import { createCredentials, type User } from './credentials.ts'
import { healthProbe } from './health.ts'
import { installObjects, waitForDefinitions } from './install.ts'
import { type Manifest, readManifests } from './manifests.ts'
import { restartablePort } from './ports.ts'
import { createServerProcess, type ServerProcess } from './server-process.ts'
import {
  prepareWebhookServing,
  redirectConversions,
  redirectWebhooks,
  type WebhookOptions,
  type WebhookServing,
} from './webhooks.ts'

export type { ExtraFlags, ServerName } from './server-flags.ts'
export type { User } from './credentials.ts'
export type { Manifest } from './manifests.ts'
export type { WebhookOptions, WebhookServing } from './webhooks.ts'

export interface ControlPlaneOptions {
  /** Flags by server and by upstream's names, without the dashes: they replace what is passed otherwise. */
  readonly flags?: ExtraFlags
  /** CustomResourceDefinitions to install: files, folders or objects. Other kinds in them are left out. */
  readonly crds?: readonly Manifest[]
  /** Asked for: a certificate and a port for the test's webhook server, and configurations that call it. */
  readonly webhooks?: WebhookOptions
  /** Default: false, and then ServiceAccounts are not asked of Pods, since nobody makes them. */
  readonly controllerManager?: boolean
  /** Default: false. */
  readonly scheduler?: boolean
  /** For each server; default 20,000. */
  readonly startTimeoutMs?: number
  /** For each server, which is killed then; default 20,000. */
  readonly stopTimeoutMs?: number
}

export interface ControlPlane extends AsyncDisposable {
  /** `https://127.0.0.1:port`. */
  readonly server: string
  /** Of an administrator (`system:masters`). */
  readonly kubeconfig: string
  readonly caPem: string
  /** Temporary; holds data, certificates, kubeconfigs and logs. */
  readonly directory: string
  /** A kubeconfig for any user, by client certificate; returns its path. */
  readonly addUser: (user: User) => Promise<string>
  /** Where the test's webhook server is to listen. Throws if no `webhooks` were asked for. */
  readonly webhooks: () => WebhookServing
  readonly installCrds: (crds: readonly Manifest[]) => Promise<CustomResourceDefinition[]>
  /** Ends a server, by default with SIGTERM, and starts it again on its port and data. */
  readonly restart: (server: ServerName, signal?: NodeJS.Signals) => Promise<void>
  readonly log: (server: ServerName) => string
  readonly pid: (server: ServerName) => number | undefined
  /** Ends everything and removes the directory. */
  readonly stop: () => Promise<void>
}

const defaultTimeoutMs = 20_000
const discoveryTimeoutMs = 10_000

/** Starts a control plane and waits until it is ready and what is to be installed is served. */
export const startControlPlane = async (options: ControlPlaneOptions = {}): Promise<ControlPlane> => {
  const directory = mkdtempSync(join(tmpdir(), 'kubets-testing-'))
  const servers = new Map<ServerName, ServerProcess>()
  const stop = async (): Promise<void> => {
    // Who writes ends before what is written to.
    for (const server of [...servers.values()].reverse()) await server.stop()
    rmSync(directory, { recursive: true, force: true })
  }
  try {
    return await start(options, { directory, servers, stop })
  } catch (error) {
    await stop()
    throw error
  }
}

/** Runs `use` with a client. Most environments need none, and it takes as long to load as a certificate to make. */
const withClient = async (kubeconfig: string, use: (client: RestClient) => Promise<void>): Promise<void> => {
  const { createRestClient } = await import('../client/rest/rest-client.ts')
  const client = createRestClient(loadKubeconfig(kubeconfig), { userAgent: 'kubets-testing' })
  try {
    await use(client)
  } finally {
    await client.close()
  }
}

interface Environment {
  readonly directory: string
  /** In the order of the start. */
  readonly servers: Map<ServerName, ServerProcess>
  readonly stop: () => Promise<void>
}

const start = async (
  options: ControlPlaneOptions,
  { directory, servers, stop }: Environment,
): Promise<ControlPlane> => {
  const ports = {
    etcd: await restartablePort(),
    'kube-apiserver': await restartablePort(),
    'kube-controller-manager': await restartablePort(),
    'kube-scheduler': await restartablePort(),
  }
  const extra = options.flags ?? {}
  const times = {
    startTimeoutMs: options.startTimeoutMs ?? defaultTimeoutMs,
    stopTimeoutMs: options.stopTimeoutMs ?? defaultTimeoutMs,
  }
  const startServer = (name: ServerName, flags: Flags, isReady: () => Promise<boolean>): void => {
    const argv = commandLine(name, { ...flags, ...extra[name] })
    const spec = { name, argv, env: { ...environment, NODE_COMPILE_CACHE: compileCacheDirectory }, isReady }
    const process = createServerProcess(spec, directory, times)
    servers.set(name, process)
    process.start()
  }
  // The store needs nothing, so it is up before the certificates are made.
  startServer('etcd', etcdFlags(directory, ports.etcd), healthProbe(`http://127.0.0.1:${ports.etcd}/health`, ''))
  const credentials = await createCredentials(directory)
  const caPem = credentials.ca.certPem
  const { files } = credentials
  const server = `https://127.0.0.1:${ports['kube-apiserver']}`
  const controllerManager = options.controllerManager ?? false
  startServer(
    'kube-apiserver',
    apiServerFlags({ ports, files, controllerManager }),
    healthProbe(`${server}/readyz`, caPem),
  )
  const startController = async (name: ControllerName): Promise<void> => {
    const kubeconfig = await credentials.writeUser({ name: `system:${name}` }, server)
    const probe = healthProbe(`https://127.0.0.1:${ports[name]}/healthz`, caPem)
    startServer(name, controllerFlags(name, { ports, files, kubeconfig }), probe)
  }
  if (controllerManager) await startController('kube-controller-manager')
  if (options.scheduler ?? false) await startController('kube-scheduler')
  const serverOf = (name: ServerName): ServerProcess => {
    const found = servers.get(name)
    if (found === undefined) throw new Error(`${name} was not asked for`)
    return found
  }
  const addUser = (user: User): Promise<string> => credentials.writeUser(user, server)
  const [kubeconfig, webhooks] = await Promise.all([
    addUser({ name: 'admin', groups: ['system:masters'] }),
    options.webhooks === undefined ? undefined : prepareWebhookServing(options.webhooks, directory),
  ])
  await Promise.all([...servers.values()].map((process) => process.ready()))

  const installCrds: ControlPlane['installCrds'] = async (manifests) => {
    const definitions = readManifests(manifests, ['CustomResourceDefinition']) as CustomResourceDefinition[]
    if (webhooks !== undefined) redirectConversions(definitions, webhooks)
    await withClient(kubeconfig, async (client) => {
      await installObjects(client, definitions)
      await waitForDefinitions(client, definitions, discoveryTimeoutMs)
    })
    return definitions
  }
  const installWebhooks = async (manifests: readonly Manifest[]): Promise<void> => {
    const kinds = ['MutatingWebhookConfiguration', 'ValidatingWebhookConfiguration']
    const configurations = readManifests(manifests, kinds)
    if (webhooks !== undefined) redirectWebhooks(configurations, webhooks)
    await withClient(kubeconfig, (client) => installObjects(client, configurations))
  }
  if (options.crds !== undefined) await installCrds(options.crds)
  if (options.webhooks?.configurations !== undefined) await installWebhooks(options.webhooks.configurations)

  return {
    server,
    kubeconfig,
    caPem,
    directory,
    addUser,
    webhooks: () => {
      if (webhooks === undefined) throw new Error('startControlPlane was not asked for webhooks')
      return webhooks
    },
    installCrds,
    restart: async (name, signal) => {
      const process = serverOf(name)
      await process.stop(signal)
      process.start()
      await process.ready()
    },
    log: (name) => serverOf(name).log(),
    pid: (name) => serverOf(name).pid(),
    stop,
    [Symbol.asyncDispose]: stop,
  }
}
