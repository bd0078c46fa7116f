/**
 * `npm run bench:crd`: how quickly definitions are served, one by one and 500 at once, what that costs the API server,
 * and custom resources beside Pods. `--definitions=N` takes another number. Under a minute.
 */
import { loadavg } from 'node:os'
import { loadKubeconfig } from '../../component-base/kubeconfig.ts'
import { createRestClient, type RestClient } from '../../client/rest/rest-client.ts'
import { type ControlPlane, startControlPlane } from '../../testing/control-plane.ts'
import { benchPod, podsPath } from './api.ts'
import { concurrency, createLoadClient, type LoadClient } from './load-client.ts'
import { cpuMsOf, memoryOf } from './processes.ts'
import { measure, round } from './statistics.ts'

const singles = 20
const groups = 50
const objects = 2_000
const lists = 10
const pollMs = 5
/** How often the API server is asked whether it still answers, while definitions come. */
const heartbeatMs = 10

const argument = (name: string): string | undefined =>
  process.argv.find((arg) => arg.startsWith(`--${name}=`))?.slice(name.length + 3)
const definitions = Number(argument('definitions') ?? 500)

const say = (text: string): void => void process.stdout.write(`${text}\n`)
const delay = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

const text = { type: 'string', description: 'What it is for, in a sentence as authors of definitions write them.' }
const part = {
  type: 'object',
  required: ['name'],
  properties: Object.fromEntries(
    ['name', 'image', 'policy', 'secretRef', 'class', 'zone', 'schedule'].map((field) => [
      field,
      { ...text, maxLength: 253 },
    ]),
  ),
}

/** A definition of the usual size: some 8 kB, defaults, a rule, two versions, status and scale. */
const definition = (index: number, group: string) => {
  const plural = `things${index}`
  const schema = {
    type: 'object',
    properties: {
      spec: {
        type: 'object',
        properties: {
          replicas: { type: 'integer', minimum: 0, default: 1 },
          paused: { type: 'boolean', default: false },
          selector: { type: 'object', additionalProperties: { type: 'string' } },
          template: part,
          parts: { type: 'array', maxItems: 100, items: part, 'x-kubernetes-list-type': 'atomic' },
          resources: { type: 'object', additionalProperties: { 'x-kubernetes-int-or-string': true } },
        },
        'x-kubernetes-validations': [{ rule: 'self.replicas <= 100', message: 'at most 100' }],
      },
      status: {
        type: 'object',
        properties: { ready: { type: 'integer' }, message: text, parts: { type: 'array', items: part } },
      },
    },
  }
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: {
        plural,
        kind: `Thing${index}`,
        listKind: `Thing${index}List`,
        singular: `thing${index}`,
        shortNames: [`t${index}`],
      },
      versions: ['v1', 'v1beta1'].map((name) => ({
        name,
        served: true,
        storage: name === 'v1',
        subresources: {
          status: {},
          scale: { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.ready' },
        },
        schema: { openAPIV3Schema: schema },
        additionalPrinterColumns: [{ name: 'Ready', type: 'integer', jsonPath: '.status.ready' }],
      })),
    },
  }
}

const crdsPath = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'

/** Milliseconds until `probe` is true. */
const until = async (probe: () => Promise<boolean>): Promise<number> => {
  const startedAt = performance.now()
  while (!(await probe().catch(() => false))) await delay(pollMs)
  return performance.now() - startedAt
}

interface Published {
  readonly served: number
  readonly discovery: number
  readonly openApi: number
}

const isListed = async (client: RestClient, group: string, plural: string): Promise<boolean> => {
  const { resources } = (await client.raw('GET', `/apis/${group}/v1`)) as { resources: { name: string }[] }
  return resources.some(({ name }) => name === plural)
}

const isInOpenApi = async (client: RestClient, group: string, plural: string): Promise<boolean> => {
  const { paths } = (await client.raw('GET', `/openapi/v3/apis/${group}/v1`)) as { paths: Record<string, unknown> }
  return `/apis/${group}/v1/${plural}` in paths
}

/** From the answer of its creation on. */
const whenPublished = async (client: RestClient, index: number, group: string): Promise<Published> => {
  const plural = `things${index}`
  const served = await until(async () => Boolean(await client.raw('GET', `/apis/${group}/v1/${plural}`)))
  const [discovery, openApi] = await Promise.all([
    until(() => isListed(client, group, plural)),
    until(() => isInOpenApi(client, group, plural)),
  ])
  return { served, discovery: served + discovery, openApi: served + openApi }
}

/** Median and maximum, in milliseconds. */
const spread = (values: readonly number[]): { readonly p50: number; readonly max: number } => {
  const sorted = [...values].sort((a, b) => a - b)
  return { p50: round(sorted[sorted.length >> 1] ?? 0), max: round(sorted.at(-1) ?? 0) }
}

const benchSingles = async (client: RestClient, load: LoadClient) => {
  const times: Published[] = []
  for (let index = 0; index < singles; index++) {
    const group = 'single.example.com'
    await load.send({ method: 'POST', path: crdsPath, body: definition(index, group) })
    times.push(await whenPublished(client, index, group))
  }
  return {
    served: spread(times.map(({ served }) => served)),
    discovery: spread(times.map(({ discovery }) => discovery)),
    openApi: spread(times.map(({ openApi }) => openApi)),
  }
}

/** The longest time that the server took to answer something trivial while `work` ran. */
const withHeartbeat = async <T>(load: LoadClient, work: () => Promise<T>): Promise<{ result: T; beats: number[] }> => {
  let running = true
  const beats: number[] = []
  const beat = async (): Promise<void> => {
    while (running) {
      const before = performance.now()
      await load.send({ method: 'GET', path: '/version' })
      beats.push(performance.now() - before)
      await delay(heartbeatMs)
    }
  }
  const beating = beat()
  try {
    return { result: await work(), beats }
  } finally {
    running = false
    await beating
  }
}

const benchMany = async (environment: ControlPlane, client: RestClient): Promise<Record<string, unknown>> => {
  const pid = environment.pid('kube-apiserver') ?? 0
  await using load = createLoadClient(environment.kubeconfig)
  await using pulse = createLoadClient(environment.kubeconfig)
  const before = { cpuMs: cpuMsOf(pid), ...memoryOf(pid) }
  const groupOf = (index: number): string => `group${index % groups}.example.com`
  const { result, beats } = await withHeartbeat(pulse, async () => {
    const startedAt = performance.now()
    const created = await measure(definitions, concurrency, (index) =>
      load.send({ method: 'POST', path: crdsPath, body: definition(index, groupOf(index)) }),
    )
    const createdMs = performance.now() - startedAt
    const served = await Promise.all(
      Array.from({ length: definitions }, (_, index) =>
        until(async () => Boolean(await client.raw('GET', `/apis/${groupOf(index)}/v1/things${index}`))),
      ),
    )
    const servedMs = performance.now() - startedAt
    const last = await whenPublished(client, definitions - 1, groupOf(definitions - 1))
    return { created, createdMs, servedMs, slowestAfterCreationMs: Math.max(...served), last }
  })
  const after = { cpuMs: cpuMsOf(pid), ...memoryOf(pid) }
  const changedAt = performance.now()
  await load.send({ method: 'POST', path: crdsPath, body: definition(definitions, groupOf(0)) })
  const oneMore = await whenPublished(client, definitions, groupOf(0))
  const v2 = await timed(() => load.send({ method: 'GET', path: '/openapi/v2' }))
  const aggregated = await timed(() => load.send({ method: 'GET', path: '/apis' }))
  beats.sort((a, b) => a - b)
  return {
    definitions,
    createdPerSecond: result.created.perSecond,
    createP99Ms: result.created.p99Ms,
    allCreatedMs: round(result.createdMs),
    allServedMs: round(result.servedMs),
    lastInDiscoveryMs: round(result.last.discovery),
    lastInOpenApiMs: round(result.last.openApi),
    heartbeatP99Ms: round(beats[Math.floor(beats.length * 0.99)] ?? 0),
    heartbeatMaxMs: round(beats.at(-1) ?? 0),
    apiserverCpuMs: round(after.cpuMs - before.cpuMs),
    apiserverRssMiB: [before.rssMiB, after.rssMiB],
    oneMore: { served: round(oneMore.served), discovery: round(oneMore.discovery), openApi: round(oneMore.openApi) },
    openApiV2Ms: v2,
    groupListMs: aggregated,
    oneMoreTotalMs: round(performance.now() - changedAt),
  }
}

const timed = async (work: () => Promise<unknown>): Promise<number> => {
  const startedAt = performance.now()
  await work()
  return round(performance.now() - startedAt)
}

const thing = (name: string) => ({
  apiVersion: 'single.example.com/v1',
  kind: 'Thing0',
  metadata: { name, namespace: 'default', labels: { app: 'bench', tier: 'load' } },
  spec: {
    replicas: 3,
    selector: { app: 'bench' },
    template: { name: 'main', image: 'registry.example.com/team/application:1.2.3' },
    parts: [
      { name: 'a', policy: 'Always' },
      { name: 'b', zone: 'zone-a' },
    ],
    resources: { cpu: '10m', memory: '16Mi', replicas: 3 },
  },
})

/** Creates, lists and watches `objects` of a kind; CPU is the API server's for one. */
const benchKind = async (pid: number, load: LoadClient, path: string, object: (name: string) => object) => {
  const abort = new AbortController()
  let seen = 0
  const all = Promise.withResolvers<void>()
  await load.stream(
    `${path}?watch=true&resourceVersion=0`,
    (chunk) => {
      for (const byte of chunk) if (byte === 10 && ++seen === objects) all.resolve()
    },
    abort.signal,
  )
  const cpuBefore = cpuMsOf(pid)
  const startedAt = performance.now()
  const create = await measure(objects, concurrency, (index) =>
    load.send({ method: 'POST', path, body: object(`bench-${index}`) }),
  )
  await all.promise
  const watchedMs = performance.now() - startedAt
  const createCpuMs = (cpuMsOf(pid) - cpuBefore) / objects
  abort.abort()
  const list = await measure(lists, 1, () => load.send({ method: 'GET', path }))
  return {
    createPerSecond: create.perSecond,
    createP99Ms: create.p99Ms,
    createCpuMs: round(createCpuMs),
    watchedPerSecond: round((objects * 1000) / watchedMs),
    listP50Ms: list.p50Ms,
  }
}

const loadAverage = round(loadavg()[0] ?? 0)
await using environment = await startControlPlane()
const client = createRestClient(loadKubeconfig(environment.kubeconfig), { userAgent: 'kubets-bench' })
{
  await using load = createLoadClient(environment.kubeconfig)
  const single = await benchSingles(client, load)
  say(`One definition after the other (${singles}), ms after the answer: ${JSON.stringify(single)}`)
}
say(`${definitions} at once: ${JSON.stringify(await benchMany(environment, client), undefined, 2)}`)
{
  await using load = createLoadClient(environment.kubeconfig)
  const pid = environment.pid('kube-apiserver') ?? 0
  const path = '/apis/single.example.com/v1/namespaces/default/things0'
  // Each once before, so that both are warm.
  await measure(200, concurrency, (index) => load.send({ method: 'POST', path, body: thing(`warm-${index}`) }))
  await measure(200, concurrency, (index) =>
    load.send({ method: 'POST', path: podsPath, body: benchPod(`warm-${index}`) }),
  )
  await load.send({ method: 'DELETE', path })
  await load.send({ method: 'DELETE', path: podsPath })
  say(`Custom resources: ${JSON.stringify(await benchKind(pid, load, path, thing))}`)
  say(`Pods: ${JSON.stringify(await benchKind(pid, load, podsPath, benchPod))}`)
}
await client.close()
say(`Load average of this machine before: ${loadAverage}`)
