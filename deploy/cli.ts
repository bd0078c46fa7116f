/** `npm start | run status | stop | run reset | run rotate-ca`: the life of a local cluster from the user's side. */
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { defineFlags, parseFlags } from '../component-base/flags/flags.ts'
import { writeFileAtomic } from '../component-base/pki/store.ts'
import { removeCgroups, removeContainers, unmountAll } from './cleanup.ts'
import { ClusterConfigError, loadClusterConfig } from './cluster-config.ts'
import { startControlPlane, stopContainerd } from './converge.ts'
import { mergeContext, removeContext, userKubeconfigPath } from './kubeconfig.ts'
import { type Layout, layoutOf, projectRoot } from './layout.ts'
import { existingNodes, removeBridge, removeNode } from './network.ts'
import { knownProcesses, running, start, stop } from './process-table.ts'

const flags = defineFlags({
  root: { type: 'string', default: join(projectRoot, '.cluster'), help: "Directory of the cluster's state." },
  config: { type: 'string', default: '', help: 'Cluster file to apply; default: the one of the last start.' },
  kubeconfig: { type: 'bool', default: true, help: "Keep a context for the cluster in the user's kubeconfig." },
  ca: { type: 'string', default: 'cluster', help: 'The CA that rotate-ca is about: cluster, front-proxy or etcd.' },
  timeout: { type: 'duration', default: 180_000, help: 'How long to wait until all nodes are Ready.' },
})

const say = (line: string): void => void process.stdout.write(`${line}\n`)

const supervisorSpec = (layout: Layout): { name: string; argv: string[] } => ({
  name: 'supervisor',
  argv: [process.execPath, join(projectRoot, 'deploy/supervisor.ts'), `--root=${layout.root}`],
})

/** The command lines of a cluster follow from this file: nobody else reads or writes it. */
const applyClusterFile = (source: string, layout: Layout): void =>
  writeFileAtomic(layout.clusterFile, readFileSync(source, 'utf8'), 0o600)

const startCluster = async (layout: Layout, options: { config: string; kubeconfig: boolean; timeout: number }) => {
  const startedAt = performance.now()
  mkdirSync(layout.root, { recursive: true })
  const source = options.config === '' ? join(projectRoot, 'deploy/cluster.yaml') : options.config
  loadClusterConfig(source) // a mistake in the file is told here, before anything of it is applied
  if (options.config !== '' || !existsSync(layout.clusterFile)) applyClusterFile(source, layout)
  const config = loadClusterConfig(layout.clusterFile)
  const isUp = running(layout.run, 'supervisor') !== undefined
  // Kubelets that run already report when they must; those started now do so at once (times are whole seconds).
  const isKubeletUp = (name: string): boolean => name.endsWith('-kubelet') && running(layout.run, name) !== undefined
  const heartbeatSince = knownProcesses(layout.run).some(isKubeletUp) ? 0 : Date.now() - 1_000
  if (!isUp) {
    // The supervisor adopts the control plane that this process, which runs already, can start sooner.
    await startControlPlane(config, layout)
    start(supervisorSpec(layout), layout)
  }
  // Loaded while the control plane starts: they need the whole client.
  const [{ waitForCluster }, { printHowTo }] = await Promise.all([import('./wait.ts'), import('./screen.ts')])
  const times = await waitForCluster(config, layout, { startedAt, timeoutMs: options.timeout, heartbeatSince, say })
  if (options.kubeconfig) mergeContext(userKubeconfigPath(), layout.adminConf, config.name)
  printHowTo(config, layout, times, say)
}

/** Ends everything that runs; data stays. Works on whatever is there, also after a crash. */
const stopCluster = async (layout: Layout): Promise<void> => {
  if (!existsSync(layout.clusterFile)) return say(`kubets: no cluster in ${layout.root}`)
  const config = loadClusterConfig(layout.clusterFile)
  await stop(layout.run, 'supervisor')
  const names = knownProcesses(layout.run)
  const engines = names.filter((name) => name.endsWith('-containerd'))
  const onNodes = names.filter((name) => name.endsWith('-kubelet') || name.endsWith('-kube-proxy'))
  const isStore = (name: string): boolean => name === 'etcd'
  const store = names.filter(isStore)
  const rest = names.filter((name) => ![...onNodes, ...engines].includes(name) && !isStore(name))
  // In the order of need: nodes first, the store last.
  await Promise.all(onNodes.map((name) => stop(layout.run, name)))
  await Promise.all(engines.map((name) => stopContainerd(config, layout, name.slice(0, -'-containerd'.length))))
  for (const group of [rest, store]) await Promise.all(group.map((name) => stop(layout.run, name)))
  await removeContainers(layout.root)
  unmountAll(layout.root)
  removeCgroups(config.name)
  for (const name of await existingNodes(config)) await removeNode(config, { name })
  await removeBridge(config)
  say('kubets: stopped; the data is kept, `npm start` brings the same cluster back')
}

const resetCluster = async (layout: Layout): Promise<void> => {
  if (existsSync(layout.clusterFile)) {
    const { name } = loadClusterConfig(layout.clusterFile)
    await stopCluster(layout)
    removeContext(userKubeconfigPath(), name)
  }
  rmSync(layout.root, { recursive: true, force: true })
  say(`kubets: ${layout.root} is gone`)
}

/** One step of the way to a new CA; everything goes on meanwhile. */
const rotateCluster = async (
  layout: Layout,
  { kubeconfig, ca }: { readonly kubeconfig: boolean; readonly ca: string },
): Promise<void> => {
  const config = loadClusterConfig(layout.clusterFile)
  const { authorityOf, rotateCa } = await import('./rotate-ca.ts')
  say(`kubets: ${await rotateCa(authorityOf(ca, config), config, layout)}`)
  if (kubeconfig) mergeContext(userKubeconfigPath(), layout.adminConf, config.name)
}

const main = async (): Promise<void> => {
  const [command = 'start', ...rest] = process.argv.slice(2)
  const { values } = parseFlags(flags, rest, { name: `kubets ${command}`, version: 'v1.36.0' })
  const layout = layoutOf(values.root)
  switch (command) {
    case 'start':
      return startCluster(layout, values)
    case 'stop':
      return stopCluster(layout)
    case 'status':
      return (await import('./screen.ts')).printStatus(layout, say)
    case 'reset':
      return resetCluster(layout)
    case 'rotate-ca':
      return rotateCluster(layout, values)
    default:
      throw new ClusterConfigError(`unknown command ${command}: start, status, stop, reset or rotate-ca`)
  }
}

// `npm run status | head` closes the pipe before all is said.
process.stdout.on('error', () => process.exit(0))

main().catch((error: unknown) => {
  process.stderr.write(`kubets: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
})
