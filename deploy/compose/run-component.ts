/**
 * The command of every container of the composed cluster: `run-component.ts NAME` becomes what the launcher would run
 * under that name, with the same flags. What the launcher does itself has names here too: `init` makes certificates
 * and files, `cluster-sync` keeps Nodes and routes, `wait` waits until all is Ready, `cleanup` takes away Pods.
 */
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { execFileSync } from 'node:child_process'
import { load } from 'js-yaml'
import { writeFileAtomic } from '../../component-base/pki/store.ts'
import { run, UsageError } from '../../component-base/process/run.ts'
import { createRestClient } from '../../client/rest/rest-client.ts'
import { loadKubeconfig } from '../../component-base/kubeconfig.ts'
import { ensureAddons } from '../addons.ts'
import { approveServingCertificates } from '../approve-serving.ts'
import { removeContainers, unmountAll } from '../cleanup.ts'
import { type ClusterConfig, ClusterConfigError, type NodeConfig, nodesOf, toClusterConfig } from '../cluster-config.ts'
import { controlPlaneProcesses, dnsAddresses, nodeProcesses } from '../components.ts'
import { layoutOf, projectRoot } from '../layout.ts'
import { followNodes } from '../node-sync.ts'
import { ensureClusterPki, ensureNodePki } from '../pki.ts'
import { authorityOf, rotateCa } from '../rotate-ca.ts'
import type { ProcessSpec } from '../process-table.ts'
import { waitForCluster } from '../wait.ts'

const name = process.argv[2] ?? ''
const layout = layoutOf(process.env['KUBETS_ROOT'] ?? '/var/lib/kubets')
const waitTimeoutMs = 120_000

/** The cluster file with the variables of the compose file, whose port and addresses it must share. */
const readConfig = (): ClusterConfig => {
  const text = readFileSync(layout.clusterFile, 'utf8').replace(/\$\{(\w+)\}/g, (_match, variable: string) => {
    const value = process.env[variable]
    if (value === undefined) throw new ClusterConfigError(`${layout.clusterFile}: no variable ${variable}`)
    return value
  })
  return toClusterConfig(load(text))
}

/**
 * What Pods get whose DNS policy is `Default`. A container's own resolver is 127.0.0.11 of its network, which no Pod
 * reaches; cluster DNS reaches it for them.
 */
const resolvConfOf = (node: { readonly name: string }): string => join(layout.node(node.name).root, 'resolv.conf')

const composedNodes = (config: ClusterConfig): NodeConfig[] =>
  nodesOf(config, new Map()).map((node) => ({ ...node, kubelet: { resolvConf: resolvConfOf(node), ...node.kubelet } }))

const init = async (): Promise<void> => {
  mkdirSync(layout.root, { recursive: true })
  const wanted = join(projectRoot, 'deploy/compose/cluster.yaml')
  if (!existsSync(layout.clusterFile)) writeFileAtomic(layout.clusterFile, readFileSync(wanted, 'utf8'), 0o600)
  const config = readConfig()
  await ensureClusterPki(config, layout)
  for (const node of composedNodes(config)) {
    await ensureNodePki(config, layout, node)
    writeFileAtomic(resolvConfOf(node), `nameserver ${dnsAddresses(config)[0]}\n`)
  }
}

/** What a kubelet expects of its machine, and a container does not have by itself. */
const bootNode = async (node: NodeConfig): Promise<void> => {
  // CNI plugins set what forwards a host port; Docker mounts this read-only.
  execFileSync('mount', ['-o', 'remount,bind,rw', '/proc/sys'])
  // Without the Pods' bridge the network is new: to this node its container's restart was a reboot. What outlived it
  // hangs on cables that are gone.
  if (networkInterfaces()['cni0'] === undefined) await removeContainers(layout.node(node.name).root)
}

/** Takes the place of this process, so that a container is one process, and Docker sees it end. */
const become = ({ argv: [file = '', ...args], env }: ProcessSpec): never => {
  if (process.execve === undefined) throw new Error('this Node.js cannot replace itself')
  return process.execve(file, [file, ...args], { ...process.env, ...env })
}

run(`kubets-${name}`, async ({ signal, log }) => {
  if (name === 'init') return init()
  if (name === 'cleanup') {
    await removeContainers(layout.root)
    return unmountAll(layout.root)
  }
  const config = readConfig()
  const nodes = composedNodes(config)
  if (name === 'rotate-ca') {
    const authority = authorityOf(process.argv[3] ?? 'cluster', config)
    process.stdout.write(`${await rotateCa(authority, config, layout)}\n`)
    return
  }
  if (name === 'wait') {
    const say = (line: string): void => void process.stdout.write(`${line}\n`)
    await waitForCluster(config, layout, { startedAt: performance.now(), timeoutMs: waitTimeoutMs, say })
    return
  }
  if (name === 'cluster-sync') {
    const follower = followNodes(nodes, layout, log)
    const admin = createRestClient(loadKubeconfig(layout.adminConf), { userAgent: 'kubets-cluster-sync' })
    await Promise.all([
      ensureAddons(config, layout, { log, signal }),
      approveServingCertificates(admin, () => nodes, { log, signal }),
    ])
    await admin.close()
    return follower.stop()
  }
  const own = nodes.find((node) => name.startsWith(`${node.name}-`))
  const processes = own === undefined ? controlPlaneProcesses(config, layout) : nodeProcesses(config, layout, own, [])
  const spec = processes.find((candidate) => candidate.name === name)
  if (spec === undefined) throw new UsageError(`${name}: no such component in ${layout.clusterFile}`)
  if (own !== undefined && name === `${own.name}-kubelet`) await bootNode(own)
  become(spec)
})
