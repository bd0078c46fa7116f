/** Waiting for a cluster to come up, with progress on the screen. */
import { nodes as nodesRef } from '../api/resources.ts'
import type { Node } from '../api/types.ts'
import { loadKubeconfig } from '../component-base/kubeconfig.ts'
import { createRestClient } from '../client/rest/rest-client.ts'
import { existsSync } from 'node:fs'
import type { ClusterConfig } from './cluster-config.ts'
import type { Layout } from './layout.ts'

/** Milliseconds from the command to each state. */
export interface StartTimes {
  readonly controlPlaneMs: number
  readonly nodesMs: number
}

/** Ready, and said so since `since` (milliseconds): what a node said before it was stopped does not count. */
const isReady = (node: Node, since: number): boolean =>
  node.status?.conditions?.some(
    ({ type, status, lastHeartbeatTime = '' }) =>
      type === 'Ready' && status === 'True' && Date.parse(lastHeartbeatTime) >= since,
  ) ?? false

const pollMs = 50
const delay = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, pollMs))

/** Resolves when the API server is ready and every node of the file is Ready; throws with what is missing at the end. */
export const waitForCluster = async (
  config: ClusterConfig,
  layout: Layout,
  options: {
    readonly startedAt: number
    readonly timeoutMs: number
    /** Heartbeats of nodes before this time (milliseconds since the epoch) are old; default: none is. */
    readonly heartbeatSince?: number
    readonly say: (line: string) => void
  },
): Promise<StartTimes> => {
  const { startedAt, say } = options
  const elapsed = (): number => performance.now() - startedAt
  const checkTime = (what: string): void => {
    if (elapsed() > options.timeoutMs)
      throw new Error(`${what} after ${options.timeoutMs / 1000} s; logs: ${layout.logs}`)
  }
  const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`
  while (!existsSync(layout.adminConf)) {
    checkTime('no admin.conf yet')
    await delay()
  }
  const client = createRestClient(loadKubeconfig(layout.adminConf), { userAgent: 'kubets' })
  for (;;) {
    try {
      await client.raw('GET', '/readyz')
      break
    } catch {
      checkTime('the API server is not ready')
      await delay()
    }
  }
  const controlPlaneMs = elapsed()
  say(`kubets: control plane ready after ${seconds(controlPlaneMs)}`)
  const wanted = config.nodePools.reduce((sum, pool) => sum + pool.count, 0)
  let shown = -1
  for (;;) {
    const { items } = await client.list(nodesRef, {}).catch(() => ({ items: [] as Node[] }))
    const ready = items.filter((node) => isReady(node, options.heartbeatSince ?? 0)).length
    if (ready !== shown) say(`kubets: ${ready} of ${wanted} nodes Ready after ${seconds(elapsed())}`)
    shown = ready
    if (ready >= wanted) return { controlPlaneMs, nodesMs: elapsed() }
    checkTime(`only ${ready} of ${wanted} nodes are Ready`)
    await delay()
  }
}
