/**
 * `npm run bench:controllers`: how long a Deployment of a thousand replicas takes to have, and after its deletion to
 * lose, its Pods, how long five hundred Services with ten endpoints each take to settle, and what the controllers use
 * at rest. Pods exist as objects only. About a minute and a half.
 */
import { loadavg } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { deployments, endpoints, endpointSlices, pods } from '../../api/resources.ts'
import type { ResourceRef } from '../../api/resources.ts'
import type { KubeObject, Pod } from '../../api/types.ts'
import { startCluster, type TestCluster } from '../harness/cluster.ts'
import { benchPod } from './api.ts'
import { concurrency, createLoadClient, type LoadClient } from './load-client.ts'
import { cpuDuring } from './processes.ts'
import { measure, round } from './statistics.ts'

const replicas = 1_000
const serviceCount = 500
const endpointsPerService = 10
const restMs = 10_000
const idleMs = 15_000
const maxMs = 120_000
const namespace = 'default'

const say = (text: string): void => void process.stdout.write(`${text}\n`)
const name = (index: number): string => `bench-${index}`

/** Follows what there is of a resource in the namespace, and resolves once `isDone` says so of all of it. */
const until = async <T extends KubeObject>(
  { client }: TestCluster,
  ref: ResourceRef<T>,
  isDone: (objects: ReadonlyMap<string, T>) => boolean,
): Promise<void> => {
  const objects = new Map<string, T>()
  const abort = new AbortController()
  const timer = setTimeout(() => abort.abort(new Error(`${ref.resource} did not settle`)), maxMs)
  try {
    for await (const { type, object } of client.watch(ref, { namespace, resourceVersion: '0' }, abort.signal)) {
      const key = object.metadata?.name ?? ''
      if (type === 'DELETED') objects.delete(key)
      else objects.set(key, object)
      if (isDone(objects)) return
    }
    throw new Error(`the watch of ${ref.resource} has ended`)
  } finally {
    clearTimeout(timer)
    abort.abort()
  }
}

/** Seconds that the work takes, and what the processes use for it. */
const timed = async (cluster: TestCluster, what: string, work: () => Promise<void>): Promise<void> => {
  const startedAt = performance.now()
  const { cpuMs } = await cpuDuring(cluster.layout, work)
  const seconds = round((performance.now() - startedAt) / 1000)
  const cpu = Object.entries(cpuMs).map(([process, ms]) => `${process} ${round(ms / 1000)} s`)
  say(`${what}: ${seconds} s (CPU: ${cpu.join(', ')})`)
}

const benchDeployment = async (cluster: TestCluster): Promise<void> => {
  const { client } = cluster
  const labels = { app: 'thousand' }
  const podSpec = benchPod('').spec
  const spec = { ...podSpec, schedulerName: 'nobody', containers: podSpec?.containers ?? [] }
  const template = { metadata: { labels }, spec }
  const isComplete = (objects: ReadonlyMap<string, Pod>): boolean => objects.size >= replicas
  await timed(cluster, `${replicas} Pods of a Deployment`, async () => {
    const all = until(cluster, pods, isComplete)
    await client.create(deployments, {
      metadata: { name: 'thousand', namespace },
      spec: { replicas, selector: { matchLabels: labels }, template },
    })
    await all
  })
  await timed(cluster, `${replicas} Pods gone after their Deployment`, async () => {
    let seen = false
    const gone = until(cluster, pods, (objects) => {
      seen ||= objects.size >= replicas
      return seen && objects.size === 0
    })
    await client.delete(deployments, 'thousand', namespace)
    await gone
  })
}

const makeReadyPods = async (load: LoadClient): Promise<void> => {
  await load.send({ method: 'POST', path: '/api/v1/nodes', body: { metadata: { name: 'bench-node' } } })
  await measure(serviceCount * endpointsPerService, concurrency, async (index) => {
    const pod = benchPod(name(index))
    const labels = { of: name(index % serviceCount) }
    const body = { ...pod, metadata: { ...pod.metadata, labels }, spec: { ...pod.spec, nodeName: 'bench-node' } }
    await load.send({ method: 'POST', path: `/api/v1/namespaces/${namespace}/pods`, body })
    const podIP = `10.${100 + Math.floor(index / 65_536)}.${Math.floor(index / 256) % 256}.${index % 256}`
    const status = { phase: 'Running', podIP, podIPs: [{ ip: podIP }], conditions: [{ type: 'Ready', status: 'True' }] }
    const path = `/api/v1/namespaces/${namespace}/pods/${name(index)}/status`
    await load.send({ method: 'PATCH', path, body: { status }, contentType: 'application/merge-patch+json' })
  })
}

const benchServices = async (cluster: TestCluster, load: LoadClient): Promise<void> => {
  await makeReadyPods(load)
  await timed(cluster, `${serviceCount} Services with ${endpointsPerService} endpoints each`, async () => {
    const settled = <T extends KubeObject>(ref: ResourceRef<T>, sizeOf: (object: T) => number): Promise<void> => {
      return until(cluster, ref, (objects) => {
        if (objects.size < serviceCount) return false
        const done = [...objects.values()].filter((object) => sizeOf(object) === endpointsPerService)
        return done.length === serviceCount
      })
    }
    const all = Promise.all([
      settled(endpointSlices, (slice) => slice.endpoints?.length ?? 0),
      settled(endpoints, ({ subsets }) => subsets?.[0]?.addresses?.length ?? 0),
    ])
    await measure(serviceCount, concurrency, async (index) => {
      const spec = { selector: { of: name(index) }, ports: [{ port: 80, targetPort: 8080 }] }
      const body = { apiVersion: 'v1', kind: 'Service', metadata: { name: name(index) }, spec }
      await load.send({ method: 'POST', path: `/api/v1/namespaces/${namespace}/services`, body })
    })
    await all
  })
}

const benchIdle = async (cluster: TestCluster): Promise<void> => {
  await delay(restMs)
  const { cpuMs } = await cpuDuring(cluster.layout, () => delay(idleMs))
  const percent = Object.entries(cpuMs).map(([process, ms]) => `${process} ${round((ms * 100) / idleMs)} %`)
  say(`At rest with ${serviceCount * endpointsPerService} Pods and ${serviceCount} Services: ${percent.join(', ')}`)
}

/** Objects that no kubelet keeps alive: the controllers that would take them away are off. */
const controllers = '*,-node-lifecycle-controller,-taint-eviction-controller,-pod-garbage-collector-controller'

say(`Load average of this machine before: ${round(loadavg()[0] ?? 0)}`)
await using cluster = await startCluster({ extraArgs: { 'kube-controller-manager': { controllers } } })
await using load = createLoadClient(cluster.layout.adminConf)
await benchDeployment(cluster)
await benchServices(cluster, load)
await benchIdle(cluster)
