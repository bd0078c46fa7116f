/** Whole clusters for tests: real processes in a temporary directory, on free ports, gone when the test ends. */
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { dump } from 'js-yaml'
import { loadKubeconfig } from '../../component-base/kubeconfig.ts'
import { createRestClient, type RestClient } from '../../client/rest/rest-client.ts'
import { EtcdClient } from '../../component-base/etcd/client.ts'
import {
  type ClusterConfig,
  loadClusterConfig,
  type NodeConfig,
  type NodeRuntime,
  nodesOf,
} from '../../deploy/cluster-config.ts'
import { type Layout, layoutOf, projectRoot } from '../../deploy/layout.ts'
import { restartablePort } from '../../testing/ports.ts'
import { type ClusterStore, type ClusterStoreKind, startClusterStore, wantedStore } from './cluster-store.ts'
import { testImages } from './images.ts'
import { createKubectl, type Kubectl } from './kubectl.ts'
import { loadImages } from './node-images.ts'

const execFileAsync = promisify(execFile)

export interface TestClusterOptions {
  /** 0: a control plane alone. */
  readonly nodes?: number
  readonly extraArgs?: Readonly<Record<string, Readonly<Record<string, string>>>>
  /** Default: what KUBETS_TEST_STORE says. */
  readonly store?: ClusterStoreKind
  /** Default: without one. */
  readonly metricsServer?: boolean
  /** Of its nodes, Pods and Services, the primary one first. Default: IPv4 alone. */
  readonly families?: readonly ('IPv4' | 'IPv6')[]
  /** Default: without one. */
  readonly ingressController?: boolean
  /** Fields of KubeletConfiguration. */
  readonly kubelet?: Readonly<Record<string, unknown>>
  /** Default: what KUBETS_TEST_RUNTIME says, else docker. The test images are on a containerd, too. */
  readonly runtime?: NodeRuntime | 'both'
}

export interface TestCluster extends AsyncDisposable {
  readonly layout: Layout
  /** The cluster file as it is now. */
  readonly config: () => ClusterConfig
  readonly nodes: () => NodeConfig[]
  readonly client: RestClient
  readonly kubectl: Kubectl
  /** kubectl of another version. */
  readonly kubectlOf: (binary: string) => Kubectl
  readonly server: string
  /** What `npm start` printed. */
  readonly startScreen: string
  /** Runs `deploy/cli.ts` on this cluster: stop, start, status. */
  readonly cli: (command: string, ...flags: readonly string[]) => Promise<string>
  /** A client of the store with the API server's certificate. */
  readonly newEtcdClient: () => EtcdClient
  /** Undefined: the launcher's own etcd-lite. */
  readonly store: ClusterStore | undefined
  readonly logOf: (process: string) => string
}

/** Two bytes that tell the clusters of one machine apart, also of test processes that run at the same time. */
const uniqueNumber = (): number => 1 + ((process.pid * 7 + Math.floor(performance.now())) % 250)

/** Starts a cluster and waits until all its nodes are Ready. Its disposal stops and removes everything. */
export const startCluster = async (options: TestClusterOptions = {}): Promise<TestCluster> => {
  const number = uniqueNumber()
  const name = `t${number}`
  const root = mkdtempSync(join(tmpdir(), `kubets-${name}-`))
  const layout = layoutOf(root)
  const file = join(root, 'wanted.yaml')
  const controlPlane = {
    apiServerPort: await restartablePort(),
    etcdPort: await restartablePort(),
    etcdMetricsPort: await restartablePort(),
    controllerManagerPort: await restartablePort(),
    schedulerPort: await restartablePort(),
    metricsServerPort: options.metricsServer === true ? await restartablePort() : 0,
    ingressController: options.ingressController === true,
    extraArgs: options.extraArgs ?? {},
  }
  const store = await startClusterStore(options.store ?? wantedStore())
  const count = options.nodes ?? 0
  const families = (ipv4: string, ipv6: string): string =>
    (options.families ?? ['IPv4']).map((family) => (family === 'IPv4' ? ipv4 : ipv6)).join()
  const runtime = options.runtime ?? process.env['KUBETS_TEST_RUNTIME'] ?? 'docker'
  const spec = {
    networking: {
      nodeCIDR: families(`172.29.${number}.0/24`, `fd00:172:29:${number}::/64`),
      podCIDR: families(`10.${100 + (number % 100)}.0.0/16`, `fd00:10:${100 + number}::/56`),
      serviceCIDR: families('10.97.0.0/16', 'fd00:10:97::/112'),
      dnsDomain: 'cluster.local',
    },
    controlPlane: { ...controlPlane, ...(store === undefined ? {} : { etcd: store.spec }) },
    // Both: as many nodes of each.
    nodePools: (count === 0 ? [] : runtime === 'both' ? ['docker', 'containerd'] : [runtime]).map((of, index) => ({
      name: `${name}${'nm'[index]}`,
      count,
      zones: ['zone-a', 'zone-b', 'zone-c'],
      kubelet: options.kubelet ?? {},
      runtime: of,
    })),
  }
  writeFileSync(file, dump({ apiVersion: 'kubets.dev/v1alpha1', kind: 'Cluster', metadata: { name }, spec }))
  const cli = async (command: string, ...args: readonly string[]): Promise<string> => {
    const argv = [join(projectRoot, 'deploy/cli.ts'), command, `--root=${root}`, '--kubeconfig=false', ...args]
    const { stdout } = await execFileAsync(process.execPath, argv, { timeout: 240_000 })
    return stdout
  }
  const dispose = async (): Promise<void> => {
    if (process.env['KUBETS_KEEP'] !== undefined) return
    try {
      await cli('reset')
    } finally {
      await store?.[Symbol.asyncDispose]()
    }
    rmSync(root, { recursive: true, force: true })
  }
  const logOf = (process: string): string => readFileSync(join(layout.logs, `${process}.log`), 'utf8')
  const config = (): ClusterConfig => loadClusterConfig(layout.clusterFile)
  const nodes = (): NodeConfig[] => nodesOf(config(), knownAddresses(layout))
  let startScreen: string
  try {
    startScreen = await cli('start', `--config=${file}`)
    if (runtime !== 'docker') await loadImages({ config, layout, nodes }, testImages)
  } catch (error) {
    await dispose()
    throw error
  }
  return {
    layout,
    config,
    nodes,
    client: createRestClient(loadKubeconfig(layout.adminConf), { userAgent: 'kubets-tests' }),
    kubectl: createKubectl(layout.adminConf),
    kubectlOf: (binary) => createKubectl(layout.adminConf, binary),
    startScreen,
    server: `https://127.0.0.1:${controlPlane.apiServerPort}`,
    cli,
    newEtcdClient: () => newEtcdClient(config(), layout),
    store,
    logOf,
    [Symbol.asyncDispose]: dispose,
  }
}

const newEtcdClient = ({ controlPlane }: ClusterConfig, { pki }: Layout): EtcdClient => {
  const own = {
    caFile: join(pki, 'etcd/ca.crt'),
    certFile: join(pki, 'apiserver-etcd-client.crt'),
    keyFile: join(pki, 'apiserver-etcd-client.key'),
  }
  const { endpoints, tls = own } = controlPlane.externalEtcd ?? {
    endpoints: [`https://127.0.0.1:${controlPlane.etcdPort}`],
  }
  const read = (path: string): string => readFileSync(path, 'utf8')
  return new EtcdClient({ endpoints, tls: { ca: read(tls.caFile), cert: read(tls.certFile), key: read(tls.keyFile) } })
}

const knownAddresses = (layout: Layout): Map<string, string> =>
  new Map(
    Object.entries(JSON.parse(readFileSync(join(layout.run, 'addresses.json'), 'utf8')) as Record<string, string>),
  )
