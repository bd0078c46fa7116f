/**
 * What the launcher wants of Node objects, through the API like any user: labels and taints of the cluster file on
 * running nodes, no Node for what is no longer in the file, and this machine's routes to the nodes' Pods.
 */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { isReason } from '../api/meta/status-error.ts'
import { nodes as nodesRef } from '../api/resources.ts'
import type { Node } from '../api/types.ts'
import { createInformer } from '../client/cache/informer.ts'
import { loadKubeconfig } from '../component-base/kubeconfig.ts'
import { createRestClient, type RestClient } from '../client/rest/rest-client.ts'
import type { Logger } from '../component-base/logging/logger.ts'
import type { NodeConfig } from './cluster-config.ts'
import type { Layout } from './layout.ts'

const execFileAsync = promisify(execFile)

/**
 * Annotation of the Nodes that come from the cluster file. It names the labels and taints that the file put there:
 * what it may take away again. Nodes without it are somebody else's.
 */
const managedAnnotation = 'kubets.dev/managed'

interface Managed {
  readonly labels: readonly string[]
  readonly taints: readonly string[]
}

const managedOf = (node: Node): Managed => {
  try {
    return JSON.parse(node.metadata?.annotations?.[managedAnnotation] ?? '') as Managed
  } catch {
    return { labels: [], taints: [] }
  }
}

const isManaged = (node: Node): boolean => node.metadata?.annotations?.[managedAnnotation] !== undefined

const taintId = ({ key, effect }: { readonly key: string; readonly effect: string }): string => `${key}:${effect}`

/** The merge patch that brings a Node to what the cluster file says, or undefined if it is there already. */
export const nodePatch = (node: Node, wanted: NodeConfig): object | undefined => {
  const managed = managedOf(node)
  const isNew = !isManaged(node)
  const next: Managed = { labels: Object.keys(wanted.labels).sort(), taints: wanted.taints.map(taintId).sort() }
  const current = node.metadata?.labels ?? {}
  const labels: Record<string, string | null> = {}
  for (const [key, value] of Object.entries(wanted.labels)) if (current[key] !== value) labels[key] = value
  for (const key of managed.labels) if (!(key in wanted.labels) && key in current) labels[key] = null
  const taints = node.spec?.taints ?? []
  const foreign = taints.filter(
    (taint) => !managed.taints.includes(taintId(taint)) && !next.taints.includes(taintId(taint)),
  )
  const nextTaints = [...foreign, ...wanted.taints]
  const taintsDiffer =
    nextTaints.length !== taints.length ||
    nextTaints.some(
      (taint) => !taints.some((t) => taintId(t) === taintId(taint) && (t.value ?? '') === (taint.value ?? '')),
    )
  if (!isNew && Object.keys(labels).length === 0 && !taintsDiffer && JSON.stringify(managed) === JSON.stringify(next))
    return undefined
  return {
    metadata: {
      resourceVersion: node.metadata?.resourceVersion,
      labels,
      annotations: { [managedAnnotation]: JSON.stringify(next) },
    },
    ...(taintsDiffer ? { spec: { taints: nextTaints } } : {}),
  }
}

/** This machine's way to the node's Pods: each of their ranges by the node's address of that family. */
const ensureRoutes = async (node: Node): Promise<void> => {
  const addresses = (node.status?.addresses ?? []).filter(({ type }) => type === 'InternalIP')
  const ranges = node.spec?.podCIDRs ?? (node.spec?.podCIDR === undefined ? [] : [node.spec.podCIDR])
  for (const range of ranges) {
    const gateway = addresses.find(({ address }) => address.includes(':') === range.includes(':'))
    if (gateway !== undefined) await execFileAsync('ip', ['route', 'replace', range, 'via', gateway.address])
  }
}

const syncNode = async (client: RestClient, node: Node, wanted: readonly NodeConfig[]): Promise<void> => {
  const name = node.metadata?.name ?? ''
  const config = wanted.find((candidate) => candidate.name === name)
  if (config === undefined) {
    if (isManaged(node)) await client.delete(nodesRef, name, undefined)
    return
  }
  await ensureRoutes(node)
  const patch = nodePatch(node, config)
  if (patch !== undefined) await client.patch(nodesRef, name, undefined, patch, { type: 'merge' })
}

/** Follows all Nodes until it is stopped; failures are logged and met again at the next change of the Node. */
export const followNodes = (
  wanted: readonly NodeConfig[],
  layout: Layout,
  log: Logger,
): { stop: () => Promise<void> } => {
  const abort = new AbortController()
  const client = createRestClient(loadKubeconfig(layout.adminConf), { userAgent: 'kubets-supervisor' })
  const informer = createInformer(client, nodesRef, {})
  const sync = (node: Node): void => {
    syncNode(client, node, wanted).catch((error: unknown) => {
      // A stale object is followed by its newer version; a node that is gone needs nothing.
      if (!isReason(error, 'Conflict', 'NotFound'))
        log.warn({ err: error, node: node.metadata?.name }, 'node not synced')
    })
  }
  informer.addHandler({ onAdd: sync, onUpdate: (_old, node) => sync(node), onDelete: () => undefined })
  const done = Promise.resolve(informer.start(abort.signal)).catch((error: unknown) => {
    if (!abort.signal.aborted) log.error({ err: error }, 'nodes are no longer followed')
  })
  return {
    stop: async () => {
      abort.abort()
      await done
    },
  }
}
