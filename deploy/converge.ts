/** Bringing about what a cluster file says: certificates, networks, processes. Each step may be repeated at any time. */
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Logger } from '../component-base/logging/logger.ts'
import { writeFileAtomic } from '../component-base/pki/store.ts'
import { removeContainers, unmountAll } from './cleanup.ts'
import { type ClusterConfig, loadClusterConfig, type NodeConfig, nodesOf } from './cluster-config.ts'
import { controlPlaneProcesses, ingressProcesses, nodeProcesses } from './components.ts'
import { containerdName, containerdPaths, removeSandboxes, removeState } from './containerd.ts'
import type { Layout } from './layout.ts'
import { ensureBridge, ensureNode, existingNodes, removeNode } from './network.ts'
import { ensureClusterPki, ensureNodePki } from './pki.ts'
import { knownProcesses, type ProcessSpec, running, start, stop } from './process-table.ts'

/** A process that ran at least this long is started again at once; before that, with growing pauses. */
const healthyAfterMs = 10_000
const maxRestartDelayMs = 5_000

/** When a process was started last, and when it may be started again. */
export interface Restarts {
  startedAt: number
  delayMs: number
  notBefore: number
}

const addressFile = (layout: Layout): string => join(layout.run, 'addresses.json')

/** Addresses that earlier starts handed out, by node. */
const knownAddresses = (layout: Layout): Map<string, string> => {
  try {
    return new Map(Object.entries(JSON.parse(readFileSync(addressFile(layout), 'utf8')) as Record<string, string>))
  } catch {
    return new Map()
  }
}

export interface ConvergeContext {
  readonly restarts: Map<string, Restarts>
  /** Called when a process that was started here ends. */
  readonly onExit: () => void
  readonly log: Logger
}

/** Starts the processes of `wanted` that do not run, and stops those that run and are not wanted (any more). */
export const convergeProcesses = async (
  wanted: readonly ProcessSpec[],
  layout: Layout,
  { restarts, onExit, log }: ConvergeContext,
): Promise<void> => {
  const names = new Set(wanted.map((spec) => spec.name))
  const surplus = knownProcesses(layout.run).filter((name) => !names.has(name) && name !== 'supervisor')
  await Promise.all(surplus.map((name) => stop(layout.run, name)))
  for (const spec of wanted) {
    const record = running(layout.run, spec.name)
    if (record !== undefined && record.argv.join('\0') === spec.argv.join('\0')) continue
    if (record !== undefined) await stop(layout.run, spec.name)
    const now = Date.now()
    const before = restarts.get(spec.name)
    if (before !== undefined && now < before.notBefore) continue
    const quick = before !== undefined && now - before.startedAt < healthyAfterMs
    const delayMs = quick ? Math.min(maxRestartDelayMs, Math.max(500, before.delayMs * 2)) : 0
    const pid = start(spec, layout, onExit)
    restarts.set(spec.name, { startedAt: now, delayMs, notBefore: now + delayMs })
    log.info({ process: spec.name, pid }, before === undefined ? 'started' : 'started again')
  }
}

/** The state of one reading of the cluster file. */
export interface Desired {
  readonly config: ClusterConfig
  readonly nodes: readonly NodeConfig[]
  readonly processes: readonly ProcessSpec[]
}

/** Starts the control plane, with the certificates that it needs; it does not wait for the nodes' networks. */
export const startControlPlane = async (config: ClusterConfig, layout: Layout): Promise<void> => {
  mkdirSync(layout.run, { recursive: true })
  await ensureClusterPki(config, layout)
  for (const spec of controlPlaneProcesses(config, layout)) {
    if (running(layout.run, spec.name) === undefined) start(spec, layout)
  }
}

const stopNodeProcesses = async (config: ClusterConfig, layout: Layout, node: string): Promise<void> => {
  await Promise.all(['kubelet', 'kube-proxy'].map((kind) => stop(layout.run, `${node}-${kind}`)))
  await stopContainerd(config, layout, node)
}

/** Ends a node's containerd with all Pods on it; nothing to do where the node has none. */
export const stopContainerd = async (config: ClusterConfig, layout: Layout, node: string): Promise<void> => {
  const paths = containerdPaths(config, layout, node)
  const name = containerdName(node)
  try {
    if (running(layout.run, name) !== undefined) await removeSandboxes(paths.socket)
  } finally {
    // One that does not answer ends all the same: the next try is not stuck at it.
    await stop(layout.run, name)
    removeState(paths)
  }
}

/** Makes files and networks as the cluster file says, and tells which processes it wants. */
export const prepare = async (layout: Layout): Promise<Desired> => {
  const config = loadClusterConfig(layout.clusterFile)
  await startControlPlane(config, layout)
  const nodes = nodesOf(config, knownAddresses(layout))
  const addresses = Object.fromEntries(nodes.map((node) => [node.name, node.address]))
  writeFileAtomic(addressFile(layout), JSON.stringify(addresses))
  await ensureBridge(config)
  await Promise.all(
    nodes.map(async (node) => {
      await ensureNodePki(config, layout, node)
      if (await ensureNode(config, node)) await stopNodeProcesses(config, layout, node.name)
    }),
  )
  const onNodes = nodes.flatMap((node) => nodeProcesses(config, layout, node))
  return {
    config,
    nodes,
    processes: [...controlPlaneProcesses(config, layout), ...ingressProcesses(config, layout, nodes), ...onNodes],
  }
}

/** Takes away the nodes that have a namespace and are not in the cluster file (any more). */
export const removeSurplusNodes = async (desired: Desired, layout: Layout, log: Logger): Promise<void> => {
  const wanted = new Set(desired.nodes.map((node) => node.name))
  const surplus = (await existingNodes(desired.config)).filter((name) => !wanted.has(name))
  for (const name of surplus) {
    await stopNodeProcesses(desired.config, layout, name)
    await removeContainers(layout.node(name).root)
    unmountAll(layout.node(name).root)
    await removeNode(desired.config, { name })
    log.info({ node: name }, 'node removed')
  }
}
