/** Binds a second on a thousand nodes that exist as objects only. */
import type { Node } from '../../api/types.ts'
import type { TestCluster } from '../harness/cluster.ts'
import { benchPod, podsPath } from './api.ts'
import { concurrency, type LoadClient } from './load-client.ts'
import { cpuDuring } from './processes.ts'
import { measure, round } from './statistics.ts'

const nodeCount = 1_000
const podCount = 3_000
const maxMs = 60_000

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
  readonly cpuMsPerPod: Readonly<Record<string, number>>
}

/** Follows the Pods; `done` resolves when `podCount` of them were seen with a node. */
const followBindings = async (load: LoadClient, signal: AbortSignal): Promise<{ readonly done: Promise<void> }> => {
  const bound = new Set<string>()
  const allBound = Promise.withResolvers<void>()
  let rest = ''
  const onChunk = (chunk: Buffer): void => {
    const lines = (rest + chunk.toString('latin1')).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) {
      if (!line.includes('"nodeName":"')) continue
      const name = /"name":"(sched-\d+)"/.exec(line)?.[1]
      if (name !== undefined) bound.add(name)
    }
    if (bound.size === podCount) allBound.resolve()
  }
  await load.stream(`${podsPath}?watch=true&resourceVersion=0`, onChunk, signal)
  setTimeout(() => allBound.reject(new Error(`${bound.size} of ${podCount} Pods were bound in time`)), maxMs).unref()
  return { done: allBound.promise }
}

export const benchScheduling = async (cluster: TestCluster, load: LoadClient): Promise<SchedulingResult> => {
  await measure(nodeCount, concurrency, async (index) => {
    const path = `/api/v1/nodes/bench-node-${index}`
    const contentType = 'application/merge-patch+json'
    await load.send({ method: 'POST', path: '/api/v1/nodes', body: benchNode(index) })
    await load.send({ method: 'PATCH', path: `${path}/status`, body: status, contentType })
    await load.send({ method: 'PATCH', path, body: { spec: { taints: null } }, contentType })
  })
  const abort = new AbortController()
  const bindAll = async (): Promise<number> => {
    const { done } = await followBindings(load, abort.signal)
    const startedAt = performance.now()
    const create = (index: number) => load.send({ method: 'POST', path: podsPath, body: benchPod(`sched-${index}`) })
    await measure(podCount, concurrency, create)
    await done
    return performance.now() - startedAt
  }
  const { result: elapsed, cpuMs } = await cpuDuring(cluster.layout, bindAll)
  abort.abort()
  return {
    nodes: nodeCount,
    pods: podCount,
    bindsPerSecond: Math.round((podCount * 1000) / elapsed),
    cpuMsPerPod: Object.fromEntries(Object.entries(cpuMs).map(([name, ms]) => [name, round(ms / podCount)])),
  }
}
