/** Throughput and latency of the API server: create, get, patch, list, delete, and a watch with many readers. */
import { configMaps, pods } from '../../api/resources.ts'
import type { ConfigMap, Pod } from '../../api/types.ts'
import type { TestCluster } from '../harness/cluster.ts'
import { measure, type Summary, summarize } from './statistics.ts'

const concurrency = 32
const count = 3_000
const watchers = 50
const watchedWrites = 200

/** A Pod of the usual size: about 1.5 kB. */
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

const watchFanOut = async (cluster: TestCluster): Promise<Summary> => {
  const abort = new AbortController()
  const sentAt = new Map<string, number>()
  const latencies: number[] = []
  const total = watchers * watchedWrites
  const done = Promise.withResolvers<void>()
  const { items, metadata } = await cluster.client.list(configMaps, { namespace: 'default' })
  if (items.length > 10_000) throw new Error('the namespace is not fresh')
  const readers = Array.from({ length: watchers }, async () => {
    const options = { namespace: 'default', resourceVersion: metadata.resourceVersion }
    for await (const { object } of cluster.client.watch(configMaps, options, abort.signal)) {
      const at = sentAt.get(object.metadata?.name ?? '')
      if (at === undefined) continue
      latencies.push(performance.now() - at)
      if (latencies.length === total) done.resolve()
    }
  })
  for (const reader of readers) reader.catch(() => undefined)
  const startedAt = performance.now()
  for (let index = 0; index < watchedWrites; index++) {
    const name = `watched-${index}`
    sentAt.set(name, performance.now())
    await cluster.client.create(configMaps, { metadata: { name, namespace: 'default' }, data: { a: 'b' } } as ConfigMap)
  }
  await done.promise
  const elapsed = performance.now() - startedAt
  abort.abort()
  return summarize(latencies, elapsed)
}

export const benchApi = async (cluster: TestCluster): Promise<Record<string, Summary>> => {
  const { client } = cluster
  const name = (index: number): string => `bench-${index}`
  const run = (amount: number, operation: (index: number) => Promise<unknown>) =>
    measure(amount, concurrency, operation)
  await run(200, (index) => client.create(pods, benchPod(`warm-${index}`)))
  const create = await run(count, (index) => client.create(pods, benchPod(name(index))))
  const get = await run(count, (index) => client.get(pods, name(index), 'default'))
  const patch = await run(count, (index) =>
    client.patch(pods, name(index), 'default', { metadata: { labels: { patched: 'yes' } } }, { type: 'merge' }),
  )
  const list = await measure(10, 1, () => client.list(pods, { namespace: 'default' }))
  const watch = await watchFanOut(cluster)
  const remove = await run(count, (index) => client.delete(pods, name(index), 'default', { gracePeriodSeconds: 0 }))
  await run(200, (index) => client.delete(pods, `warm-${index}`, 'default', { gracePeriodSeconds: 0 }))
  return {
    create,
    get,
    patch,
    [`list of ${count + 200} Pods`]: list,
    [`watch with ${watchers} readers`]: watch,
    delete: remove,
  }
}
