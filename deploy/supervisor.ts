/**
 * The supervisor: keeps a local cluster as its cluster file says. It starts what is missing, starts again what died,
 * stops what is no longer wanted, and follows changes of the file. It is a user of the cluster like any other: what
 * it wants of Nodes it asks of the API server. It may be killed at any time: the next one adopts what runs.
 */
import { mkdirSync, readFileSync, watch, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseFlags, defineFlags } from '../component-base/flags/flags.ts'
import type { Logger } from '../component-base/logging/logger.ts'
import { run } from '../component-base/process/run.ts'
import { sleep } from '../component-base/clock.ts'
import { type ClusterConfig, loadClusterConfig, type NodeConfig, nodesOf } from './cluster-config.ts'
import { controlPlaneProcesses, nodeProcesses } from './components.ts'
import { ensureAddons } from './addons.ts'
import { removeContainers, unmountAll } from './cleanup.ts'
import { followNodes } from './node-sync.ts'
import { type Layout, layoutOf } from './layout.ts'
import { ensureBridge, ensureNode, existingNodes, removeNode } from './network.ts'
import { ensureClusterPki, ensureNodePki } from './pki.ts'
import { knownProcesses, type ProcessSpec, running, start, stop } from './process-table.ts'

/** How often processes are looked at: the time until one that was killed runs again. */
const checkIntervalMs = 250
/** A process that ran at least this long is started again at once; before that, with growing pauses. */
const healthyAfterMs = 10_000
const maxRestartDelayMs = 5_000

interface Restarts {
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

/** Starts the processes of `wanted` that do not run, and stops those that run and are not wanted (any more). */
const convergeProcesses = async (
  wanted: readonly ProcessSpec[],
  layout: Layout,
  restarts: Map<string, Restarts>,
  log: Logger,
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
    const pid = start(spec, layout)
    restarts.set(spec.name, { startedAt: now, delayMs, notBefore: now + delayMs })
    log.info({ process: spec.name, pid }, before === undefined ? 'started' : 'started again')
  }
}

/** The state of one reading of the cluster file. */
interface Desired {
  readonly config: ClusterConfig
  readonly nodes: readonly NodeConfig[]
  readonly processes: readonly ProcessSpec[]
}

/** Makes files and networks as the cluster file says, and tells which processes it wants. */
const prepare = async (layout: Layout): Promise<Desired> => {
  const config = loadClusterConfig(layout.clusterFile)
  const nodes = nodesOf(config, knownAddresses(layout))
  const addresses = Object.fromEntries(nodes.map((node) => [node.name, node.address]))
  writeFileSync(addressFile(layout), JSON.stringify(addresses))
  await ensureClusterPki(config, layout)
  const controlPlane = controlPlaneProcesses(config, layout)
  // The control plane need not wait for the nodes' networks.
  for (const spec of controlPlane) if (running(layout.run, spec.name) === undefined) start(spec, layout)
  await ensureBridge(config)
  await Promise.all(
    nodes.map(async (node) => {
      await ensureNodePki(config, layout, node)
      await ensureNode(config, node)
    }),
  )
  return {
    config,
    nodes,
    processes: [...controlPlane, ...nodes.flatMap((node) => nodeProcesses(config, layout, node))],
  }
}

/** Takes away the nodes that have a namespace and are not in the cluster file (any more). */
const removeSurplusNodes = async (desired: Desired, layout: Layout, log: Logger): Promise<void> => {
  const wanted = new Set(desired.nodes.map((node) => node.name))
  const surplus = (await existingNodes(desired.config)).filter((name) => !wanted.has(name))
  for (const name of surplus) {
    await Promise.all(['kubelet', 'kube-proxy'].map((kind) => stop(layout.run, `${name}-${kind}`)))
    await removeContainers(layout.node(name).root)
    unmountAll(layout.node(name).root)
    await removeNode(desired.config, { name })
    log.info({ node: name }, 'node removed')
  }
}

/** Resolves at the next change of the cluster file; watches its directory, since editors replace files. */
const changeOf = (layout: Layout, signal: AbortSignal): { changed: () => boolean } => {
  let changed = false
  const watcher = watch(layout.root, { signal }, (_event, file) => {
    if (file === 'cluster.yaml') changed = true
  })
  watcher.on('error', () => undefined)
  return {
    changed: () => {
      const was = changed
      changed = false
      return was
    },
  }
}

const flags = defineFlags({
  root: { type: 'string', default: '.cluster', help: 'Directory of the cluster that is supervised.' },
})

run('kubets-supervisor', async ({ signal, log }) => {
  const { values } = parseFlags(flags, process.argv.slice(2), { name: 'kubets-supervisor', version: 'v1.36.0' })
  const layout = layoutOf(values.root)
  mkdirSync(layout.run, { recursive: true })
  const restarts = new Map<string, Restarts>()
  const file = changeOf(layout, signal)
  let desired = await prepare(layout)
  const addons = ensureAddons(desired.config, layout, { log, signal })
  let follower = followNodes(desired.nodes, layout, log)
  await removeSurplusNodes(desired, layout, log)
  while (!signal.aborted) {
    if (file.changed()) {
      try {
        desired = await prepare(layout)
        await follower.stop()
        follower = followNodes(desired.nodes, layout, log)
        await convergeProcesses(desired.processes, layout, restarts, log)
        await removeSurplusNodes(desired, layout, log)
        log.info({ nodes: desired.nodes.length }, 'cluster file applied')
      } catch (error) {
        log.error({ err: error }, 'the cluster file is not applied; the cluster stays as it is')
      }
    }
    await convergeProcesses(desired.processes, layout, restarts, log)
    await sleep(checkIntervalMs, signal).catch(() => undefined)
  }
  await Promise.all([follower.stop(), addons])
})
