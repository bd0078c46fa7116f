/** Throughput and latency of the API server: create, get, patch, list, delete, and a watch with many readers. */
import type { ConfigMap, Pod } from '../../api/types.ts'
import type { TestCluster } from '../harness/cluster.ts'
import { concurrency, type LoadClient } from './load-client.ts'
import { cpuDuring } from './processes.ts'
import { measure, round, type Summary, summarize } from './statistics.ts'

const count = 3_000
/** Of each, before anything is measured: V8 compiles what runs often, and a server has run for more than a second. */
const warmUp = 3_000
const watchers = 200
const watchedWrites = 100
const lists = 10

export const podsPath = '/api/v1/namespaces/default/pods'
const configMapsPath = '/api/v1/namespaces/default/configmaps'

/** A Pod of the usual size: about 1.5 kB when stored. */
export const benchPod = (name: string): Pod => ({
  metadata: { name, namespace: 'default', labels: { app: 'bench', tier: 'load' } },
  spec: {
    terminationGracePeriodSeconds: 0,
    containers: [
      {
        name: 'main',
        image: 'registry.example.com/team/application:1.2.3',
        env: [{ name: 'A', value: '1' }],
        ports: [{ containerPort: 8080 }],
        resources: { requests: { cpu: '10m', memory: '16Mi' } },
      },
    ],
  },
})

export interface ApiSummary extends Summary {
  /** Milliseconds of CPU for one operation, all threads: what counts where the load comes from another machine. */
  readonly apiserverCpuMs: number
  readonly etcdCpuMs: number
}

/** Pods of the API part belong to nobody's scheduler: what is measured is the API server. */
const unscheduledPod = (name: string): Pod => {
  const pod = benchPod(name)
  return { ...pod, spec: { ...pod.spec, schedulerName: 'nobody', containers: pod.spec?.containers ?? [] } }
}

const watchFanOut = async (load: LoadClient): Promise<Summary> => {
  const abort = new AbortController()
  const sentAt: number[] = []
  const latencies: number[] = []
  const done = Promise.withResolvers<void>()
  const follow = async (): Promise<void> => {
    let rest = ''
    const onChunk = (chunk: Buffer): void => {
      const lines = (rest + chunk.toString('latin1')).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) {
        const index = /"name":"watched-(\d+)"/.exec(line)?.[1]
        if (index === undefined) continue
        latencies.push(performance.now() - (sentAt[Number(index)] ?? 0))
        if (latencies.length === watchers * watchedWrites) done.resolve()
      }
    }
    await load.stream(`${configMapsPath}?watch=true&resourceVersion=0`, onChunk, abort.signal)
  }
  await Promise.all(Array.from({ length: watchers }, follow))
  const startedAt = performance.now()
  for (let index = 0; index < watchedWrites; index++) {
    sentAt[index] = performance.now()
    const body: ConfigMap = { metadata: { name: `watched-${index}` }, data: { a: 'b' } }
    await load.send({ method: 'POST', path: configMapsPath, body })
  }
  await done.promise
  const elapsed = performance.now() - startedAt
  abort.abort()
  return summarize(latencies, elapsed)
}

export const benchApi = async (cluster: TestCluster, load: LoadClient): Promise<Record<string, ApiSummary>> => {
  const path = (index: number): string => `${podsPath}/bench-${index}`
  const create = (name: string) => load.send({ method: 'POST', path: podsPath, body: unscheduledPod(name) })
  const result: Record<string, ApiSummary> = {}
  const run = async (name: string, work: () => Promise<Summary>): Promise<void> => {
    const { result: summary, cpuMs } = await cpuDuring(cluster.layout, work)
    const perOperation = (process: string): number => round((cpuMs[process] ?? 0) / summary.operations)
    result[name] = {
      ...summary,
      apiserverCpuMs: perOperation('kube-apiserver'),
      etcdCpuMs: perOperation('etcd'),
    }
  }
  const warm = (index: number): string => `${podsPath}/warm-${index}`
  await measure(warmUp, concurrency, (index) => create(`warm-${index}`))
  for (const method of ['GET', 'GET', 'GET', 'DELETE'] as const) {
    await measure(warmUp, concurrency, (index) => load.send({ method, path: warm(index) }))
  }
  await run('create', () => measure(count, concurrency, (index) => create(`bench-${index}`)))
  await run('get', () => measure(count, concurrency, (index) => load.send({ method: 'GET', path: path(index) })))
  const contentType = 'application/merge-patch+json'
  const body = { metadata: { labels: { patched: 'yes' } } }
  await run('patch', () =>
    measure(count, concurrency, (index) => load.send({ method: 'PATCH', path: path(index), body, contentType })),
  )
  await run(`list of ${count} Pods`, () => measure(lists, 1, () => load.send({ method: 'GET', path: podsPath })))
  await run(`watch with ${watchers} readers`, () => watchFanOut(load))
  await run('delete', () => measure(count, concurrency, (index) => load.send({ method: 'DELETE', path: path(index) })))
  return result
}
