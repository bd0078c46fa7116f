/** Binds a second on nodes that exist as objects only, for Pods of several sorts. */
import { pods as podsRef, priorityClasses } from '../../api/resources.ts'
import type { Node, Pod } from '../../api/types.ts'
import type { TestCluster } from '../harness/cluster.ts'
import { benchPod, podsPath } from './api.ts'
import { concurrency, type LoadClient } from './load-client.ts'
import { cpuDuring } from './processes.ts'
import { measure, round } from './statistics.ts'

export interface SchedulingResult {
  readonly nodes: number
  readonly pods: number
  /** From the first creation to the last bind. */
  readonly bindsPerSecond: number
  readonly cpuMsPerPod: Readonly<Record<string, number>>
}

type PodSpec = NonNullable<Pod['spec']>

const zone = 'topology.kubernetes.io/zone'
const hostname = 'kubernetes.io/hostname'
const podLabels = { matchLabels: { app: 'bench' } }

/** What the Pods of a workload have beside the usual. */
export const workloads: Readonly<Record<string, Partial<PodSpec>>> = {
  plain: {},
  spread: {
    topologySpreadConstraints: [
      { maxSkew: 5, topologyKey: zone, whenUnsatisfiable: 'DoNotSchedule', labelSelector: podLabels },
      { maxSkew: 10, topologyKey: hostname, whenUnsatisfiable: 'ScheduleAnyway', labelSelector: podLabels },
    ],
  },
  'anti-affinity': {
    affinity: {
      podAntiAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: hostname, labelSelector: podLabels }],
      },
    },
  },
  preemption: { priorityClassName: 'bench-high' },
}

const benchNode = (index: number): Node => ({
  metadata: {
    name: `bench-node-${index}`,
    labels: { [hostname]: `bench-node-${index}`, [zone]: `zone-${index % 3}` },
  },
})

const status = {
  status: {
    capacity: { cpu: '8', memory: '32Gi', pods: '110' },
    allocatable: { cpu: '8', memory: '32Gi', pods: '110' },
    conditions: [{ type: 'Ready', status: 'True', reason: 'KubeletReady' }],
  },
}

/** Makes nodes up to this number. */
export const makeNodes = async (load: LoadClient, from: number, to: number): Promise<void> => {
  await measure(to - from, concurrency, async (offset) => {
    const index = from + offset
    const path = `/api/v1/nodes/bench-node-${index}`
    const contentType = 'application/merge-patch+json'
    await load.send({ method: 'POST', path: '/api/v1/nodes', body: benchNode(index) })
    await load.send({ method: 'PATCH', path: `${path}/status`, body: status, contentType })
    await load.send({ method: 'PATCH', path, body: { spec: { taints: null } }, contentType })
  })
}

/** Follows the Pods; `done` resolves when `count` of those with the prefix were seen with a node. */
const followBindings = async (
  load: LoadClient,
  { prefix, count, maxMs }: { readonly prefix: string; readonly count: number; readonly maxMs: number },
  signal: AbortSignal,
): Promise<{ readonly done: Promise<void> }> => {
  const bound = new Set<string>()
  const allBound = Promise.withResolvers<void>()
  const nameOf = new RegExp(`"name":"(${prefix}-\\d+)"`)
  let rest = ''
  const onChunk = (chunk: Buffer): void => {
    const lines = (rest + chunk.toString('latin1')).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) {
      if (!line.includes('"nodeName":"')) continue
      const name = nameOf.exec(line)?.[1]
      if (name !== undefined) bound.add(name)
    }
    if (bound.size === count) allBound.resolve()
  }
  await load.stream(`${podsPath}?watch=true&resourceVersion=0`, onChunk, signal)
  setTimeout(() => allBound.reject(new Error(`${bound.size} of ${count} Pods were bound in time`)), maxMs).unref()
  return { done: allBound.promise }
}

interface Run {
  readonly workload: string
  readonly nodes: number
  readonly pods: number
}

/** Fills every node with Pods that the measured ones must remove. */
const fillNodes = async ({ client }: TestCluster, load: LoadClient, nodes: number): Promise<void> => {
  for (const [name, value] of [
    ['bench-low', 1],
    ['bench-high', 1000],
  ] as const) {
    await client.create(priorityClasses, { metadata: { name }, value }).catch(() => undefined)
  }
  const abort = new AbortController()
  const count = nodes * 4
  const { done } = await followBindings(load, { prefix: 'low', count, maxMs: 120_000 }, abort.signal)
  await measure(count, concurrency, (index) => {
    const pod = benchPod(`low-${index}`)
    const resources = { requests: { cpu: '2', memory: '16Mi' } }
    const containers = (pod.spec?.containers ?? []).map((container) => ({ ...container, resources }))
    return load.send({
      method: 'POST',
      path: podsPath,
      body: { ...pod, spec: { ...pod.spec, containers, priorityClassName: 'bench-low' } },
    })
  })
  await done
  abort.abort()
}

/** Creates the Pods of a workload, waits until all are bound, and removes them. */
export const benchWorkload = async (
  cluster: TestCluster,
  load: LoadClient,
  { workload, nodes, pods }: Run,
): Promise<SchedulingResult> => {
  const spec = workloads[workload]
  if (spec === undefined) throw new Error(`no workload ${workload}: ${Object.keys(workloads).join(', ')}`)
  const isPreemption = workload === 'preemption'
  if (isPreemption) await fillNodes(cluster, load, nodes)
  const abort = new AbortController()
  const bodyOf = (index: number): Pod => {
    const pod = benchPod(`sched-${index}`)
    const containers = (pod.spec?.containers ?? []).map((container) =>
      isPreemption ? { ...container, resources: { requests: { cpu: '2', memory: '16Mi' } } } : container,
    )
    return { ...pod, spec: { ...pod.spec, ...spec, containers } }
  }
  const bindAll = async (): Promise<number> => {
    const { done } = await followBindings(load, { prefix: 'sched', count: pods, maxMs: 180_000 }, abort.signal)
    const startedAt = performance.now()
    await measure(pods, concurrency, (index) => load.send({ method: 'POST', path: podsPath, body: bodyOf(index) }))
    await done
    return performance.now() - startedAt
  }
  const { result: elapsed, cpuMs } = await cpuDuring(cluster.layout, bindAll)
  abort.abort()
  await cluster.client.deleteCollection(podsRef, { namespace: 'default', labelSelector: 'app=bench' })
  return {
    nodes,
    pods,
    bindsPerSecond: Math.round((pods * 1000) / elapsed),
    cpuMsPerPod: Object.fromEntries(Object.entries(cpuMs).map(([name, ms]) => [name, round(ms / pods)])),
  }
}

/** The figure of `npm run bench`. */
export const benchScheduling = async (cluster: TestCluster, load: LoadClient): Promise<SchedulingResult> => {
  await makeNodes(load, 0, 1_000)
  return benchWorkload(cluster, load, { workload: 'plain', nodes: 1_000, pods: 3_000 })
}
