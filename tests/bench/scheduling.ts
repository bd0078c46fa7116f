/** Binds a second on a thousand nodes that exist as objects only. */
import { nodes, pods } from '../../api/resources.ts'
import type { Node } from '../../api/types.ts'
import type { TestCluster } from '../harness/cluster.ts'
import { benchPod } from './api.ts'
import { measure } from './statistics.ts'

const nodeCount = 1_000
const podCount = 3_000

const benchNode = (index: number): Node => ({
  metadata: {
    name: `bench-node-${index}`,
    labels: { 'kubernetes.io/hostname': `bench-node-${index}`, 'topology.kubernetes.io/zone': `zone-${index % 3}` },
  },
})

const status = {
  status: {
    capacity: { cpu: '8', memory: '32Gi', pods: '110' },
    allocatable: { cpu: '8', memory: '32Gi', pods: '110' },
    conditions: [{ type: 'Ready', status: 'True', reason: 'KubeletReady' }],
  },
}

export interface SchedulingResult {
  readonly nodes: number
  readonly pods: number
  /** From the first creation to the last bind. */
  readonly bindsPerSecond: number
}

export const benchScheduling = async (cluster: TestCluster): Promise<SchedulingResult> => {
  const { client } = cluster
  await measure(nodeCount, 32, async (index) => {
    const { metadata } = await client.create(nodes, benchNode(index))
    const name = metadata?.name ?? ''
    await client.patch(nodes, name, undefined, status, { type: 'merge', subresource: 'status' })
    await client.patch(nodes, name, undefined, { spec: { taints: null } }, { type: 'merge' })
  })
  const abort = new AbortController()
  const bound = new Set<string>()
  const allBound = Promise.withResolvers<void>()
  const follow = async (): Promise<void> => {
    for await (const { object } of client.watch(pods, { namespace: 'default', resourceVersion: '0' }, abort.signal)) {
      if (object.spec?.nodeName && object.metadata?.name?.startsWith('sched-')) bound.add(object.metadata.name)
      if (bound.size === podCount) allBound.resolve()
    }
  }
  follow().catch((error: unknown) => allBound.reject(error))
  const startedAt = performance.now()
  await measure(podCount, 32, (index) => client.create(pods, benchPod(`sched-${index}`)))
  await allBound.promise
  const elapsed = performance.now() - startedAt
  abort.abort()
  return { nodes: nodeCount, pods: podCount, bindsPerSecond: Math.round((podCount * 1000) / elapsed) }
}
