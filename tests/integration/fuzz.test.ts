/**
 * Thousands of malformed requests: none may bring a 5xx, end the process, hang, or stay in its memory.
 * The seed is printed; KUBETS_SEED runs the same requests again, KUBETS_FUZZ_REQUESTS as many as wanted.
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { connect, type ConnectionOptions } from 'node:tls'
import { loadAll } from 'js-yaml'
import { Agent } from 'undici'
import { loadKubeconfig } from '../../component-base/kubeconfig.ts'
import { running } from '../../deploy/process-table.ts'
import { memoryOf } from '../bench/processes.ts'
import type { TestCluster } from '../harness/cluster.ts'
import { useCluster } from '../harness/use-cluster.ts'
import { runSeed, type SeededRandom, seededRandom } from '../harness/seeded-random.ts'
import { garble, oddQuery, spoil } from './fuzz/mutate.ts'

const requests = Number(process.env['KUBETS_FUZZ_REQUESTS'] ?? 5000)
const concurrency = 16
const rawConnections = 200
/** What may come and go between two halves of the run. */
const memorySlackMiB = 80

type Body = Parameters<typeof spoil>[1]

interface Sample {
  readonly collection: string
  readonly name: string
  readonly object: Body
}

interface Fuzzed {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'OPTIONS' | 'HEAD'
  readonly path: string
  readonly contentType: string
  readonly accept: string
  readonly body: Buffer | null
}

let cluster: TestCluster
let agent: Agent
let samples: [Sample, ...Sample[]]
let tls: ConnectionOptions

/** The objects of every kind that the kubectl tests use, with where they are posted. */
const readSamples = async (): Promise<[Sample, ...Sample[]]> => {
  const text = readFileSync(join(import.meta.dirname, 'kubectl/every-kind.yaml'), 'utf8')
  const documents = loadAll(text) as {
    apiVersion: string
    kind: string
    metadata: { name: string; namespace?: string }
  }[]
  const plurals = new Map<string, string>()
  for (const version of new Set(documents.map(({ apiVersion }) => apiVersion))) {
    const base = version.includes('/') ? `/apis/${version}` : `/api/${version}`
    const list = JSON.parse(await cluster.kubectl('get', '--raw', base)) as {
      resources: { name: string; kind: string }[]
    }
    for (const { name, kind } of list.resources)
      if (!name.includes('/')) plurals.set(`${version} ${kind}`, `${base} ${name}`)
  }
  const found = documents.flatMap(({ apiVersion, kind, metadata }, index): Sample[] => {
    const [base, plural] = plurals.get(`${apiVersion} ${kind}`)?.split(' ') ?? []
    if (base === undefined) return []
    const namespace = metadata.namespace === undefined ? '' : '/namespaces/default'
    const object = {
      ...documents[index],
      metadata: { ...metadata, ...(namespace === '' ? {} : { namespace: 'default' }) },
    }
    return [{ collection: `${base}${namespace}/${plural}`, name: metadata.name, object: object as unknown as Body }]
  })
  const [first, ...rest] = found
  if (first === undefined) throw new Error('no samples')
  return [first, ...rest]
}

const contentTypes: readonly [string, ...string[]] = [
  'application/json',
  'application/yaml',
  'application/vnd.kubernetes.protobuf',
  'application/cbor',
  'text/plain',
  '',
]
const patchTypes: readonly [string, ...string[]] = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
]
const accepts: readonly [string, ...string[]] = [
  'application/json',
  '*/*',
  'application/yaml',
  'application/json;as=Table;v=v1;g=meta.k8s.io,application/json',
  'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io',
  'application/vnd.kubernetes.protobuf,application/json',
  'application/json;as=',
  ';;q=x,',
]
const jsonPatches: readonly [Body, ...Body[]] = [
  [{ op: 'add', path: '/metadata/labels', value: { a: 'b' } }],
  [{ op: 'remove', path: '/metadata/name' }],
  [{ op: 'test', path: '/kind', value: 1 }],
  [{ op: 'copy', from: '/metadata', path: '/metadata/labels/x' }],
  [{ op: 'replace', path: '', value: null }],
  [{ op: 'move', from: '/spec', path: '/spec/a' }],
  [{ op: 'add', path: '/__proto__/x', value: 1 }],
]
const subresources: readonly [string, ...string[]] = [
  '',
  '',
  '',
  '',
  '/status',
  '/scale',
  '/log',
  '/eviction',
  '/nothing',
  '/binding',
  '/token',
  '/resize',
]
const protobufMagic = Buffer.from('k8s\0')

const bodyOf = (random: SeededRandom, value: Body): Buffer => {
  let spoiled = value
  for (let n = 1 + random.below(3); n > 0; n--) spoiled = spoil(random, spoiled)
  const text = JSON.stringify(spoiled)
  return random.oneIn(12) ? garble(random, text) : Buffer.from(text)
}

/** All writes are dry runs, so that the state stays what it was. */
const nextRequest = (random: SeededRandom): Fuzzed => {
  const { collection, name, object } = random.pick(samples)
  const accept = random.oneIn(4) ? random.pick(accepts) : 'application/json'
  const one = `${collection}/${random.oneIn(4) ? 'fuzzed' : name}${random.pick(subresources)}`
  const dry = (path: string): string =>
    `${path}?dryRun=All&fieldValidation=${random.pick(['Strict', 'Warn', 'Ignore', 'Ignore'])}&fieldManager=fuzz`
  switch (random.below(6)) {
    case 0: {
      const method = random.pick(['GET', 'GET', 'GET', 'OPTIONS', 'HEAD'] as const)
      const path = random.oneIn(4)
        ? `${garble(random, one)
            .toString('latin1')
            .replace(/[^\x21-\x7e]/g, '%ff')}`
        : random.pick([one, collection])
      return {
        method,
        path: `${path.startsWith('/') ? path : `/${path}`}${oddQuery(random)}`,
        contentType: '',
        accept,
        body: null,
      }
    }
    case 1:
    case 2: {
      const contentType = random.oneIn(6) ? random.pick(contentTypes) : 'application/json'
      const body = contentType.endsWith('protobuf')
        ? Buffer.concat([protobufMagic, randomBytes(random.below(200))])
        : bodyOf(random, object)
      return { method: 'POST', path: dry(random.oneIn(8) ? one : collection), contentType, accept, body }
    }
    case 3:
      return { method: 'PUT', path: dry(one), contentType: 'application/json', accept, body: bodyOf(random, object) }
    case 4: {
      const contentType = random.pick(patchTypes)
      const patch = contentType === 'application/json-patch+json' ? random.pick(jsonPatches) : object
      return { method: 'PATCH', path: dry(one), contentType, accept, body: bodyOf(random, patch) }
    }
    default: {
      const options = { kind: 'DeleteOptions', apiVersion: 'v1', gracePeriodSeconds: 1, preconditions: { uid: 'x' } }
      return {
        method: 'DELETE',
        path: dry(`${collection}/fuzzed`),
        contentType: 'application/json',
        accept,
        body: bodyOf(random, options),
      }
    }
  }
}

const send = async (fuzzed: Fuzzed): Promise<{ readonly code: number; readonly text: string }> => {
  const { method, path, contentType, accept, body } = fuzzed
  const headers = { accept, ...(contentType === '' ? {} : { 'content-type': contentType }) }
  const signal = AbortSignal.timeout(10_000)
  const answer = await agent.request({ origin: cluster.server, path, method, headers, body, signal })
  return { code: answer.statusCode, text: await answer.body.text() }
}

/** 501 and 503 say what is not there; all other 5xx are mistakes of ours. */
const isFailure = (code: number): boolean => code >= 500 && code !== 501 && code !== 503

/** Upstream makes a 500 without a reason of some malformed patches of these types, and so do we. */
const patchesOf500: readonly string[] = ['application/strategic-merge-patch+json', 'application/apply-patch+yaml']
const isUpstreams = ({ contentType }: Fuzzed, text: string): boolean =>
  patchesOf500.includes(contentType) && text.includes('Failure') && !text.includes('InternalError')

const shown = ({ method, path, contentType, accept, body }: Fuzzed): string =>
  `${method} ${path} [${contentType}] accept ${accept}: ${body?.toString('latin1').slice(0, 1500) ?? ''}`

const fuzz = async (random: SeededRandom, count: number): Promise<string[]> => {
  const failures: string[] = []
  let left = count
  const work = async (): Promise<void> => {
    while (left-- > 0) {
      const fuzzed = nextRequest(random)
      try {
        const { code, text } = await send(fuzzed)
        if (isFailure(code) && !isUpstreams(fuzzed, text))
          failures.push(`${code} ${text.slice(0, 300)} for ${shown(fuzzed)}`)
      } catch (error) {
        failures.push(`${String(error)} for ${shown(fuzzed)}`)
      }
    }
  }
  await Promise.all(Array.from({ length: concurrency }, work))
  return failures
}

const apiServerPid = (): number => running(cluster.layout.run, 'kube-apiserver')?.pid ?? 0

/** What no HTTP client would send; the server answers or hangs up. */
const rawRequests = (random: SeededRandom): Buffer => {
  const upgrade = (value: string, more = ''): string =>
    `GET /api/v1/namespaces/default/pods/x/exec?command=a HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: ${value}\r\n${more}\r\n`
  const texts: readonly [string, ...string[]] = [
    'GET / HTTP/1.1\r\n\r\n',
    'GET  HTTP/9.9\r\n\r\n',
    'POST /api/v1/namespaces HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n{}',
    'POST /api/v1/namespaces HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
    'POST /api/v1/namespaces HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    `GET /${'a'.repeat(70_000)} HTTP/1.1\r\nHost: x\r\n\r\n`,
    `GET /api HTTP/1.1\r\nHost: x\r\nX: ${'b'.repeat(400_000)}\r\n\r\n`,
    upgrade('websocket'),
    upgrade('websocket', 'Sec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: nonsense\r\n'),
    upgrade('SPDY/3.1', 'X-Stream-Protocol-Version: v9.channel.k8s.io\r\n'),
    upgrade('h2c', 'HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n'),
    upgrade(''),
  ]
  const text = random.pick(texts)
  return random.oneIn(3) ? garble(random, text) : Buffer.from(text)
}

const sendRaw = async (bytes: Buffer): Promise<string> => {
  const socket = connect({ ...tls, host: '127.0.0.1', port: Number(new URL(cluster.server).port) })
  let answer = ''
  socket.on('data', (chunk: Buffer) => {
    answer += chunk.toString('latin1')
  })
  socket.on('error', () => undefined)
  const closed = once(socket, 'close').catch(() => undefined)
  socket.once('secureConnect', () => socket.end(bytes))
  socket.setTimeout(5_000, () => socket.destroy(new Error('timeout')))
  await closed
  return answer
}

useCluster({}, async (started) => {
  cluster = started
  samples = await readSamples()
  for (const sample of samples)
    await cluster.kubectl.run(['create', '-f', '-'], { input: JSON.stringify(sample.object) })
  const config = loadKubeconfig(cluster.layout.adminConf)
  tls = { ca: config.ca(), cert: config.cert(), key: config.key(), ALPNProtocols: ['http/1.1'] }
  agent = new Agent({
    connect: { ca: config.ca(), cert: config.cert(), key: config.key() },
    connections: concurrency,
  })
})
after(
  async () => {
    await agent?.destroy()
  },
  { timeout: 60_000 },
)

describe('the API server under malformed requests', () => {
  const random = seededRandom(runSeed())

  it(`answers ${requests} of them without a 5xx, in one process, and its memory stays flat`, async (t) => {
    t.diagnostic(`seed ${random.seed}`)
    const pid = apiServerPid()
    const failures = await fuzz(random, requests / 2)
    const { rssMiB: half } = memoryOf(pid)
    failures.push(...(await fuzz(random, requests / 2)))
    const { rssMiB: full } = memoryOf(pid)
    t.diagnostic(`RSS after half of them ${half} MiB, after all ${full} MiB`)
    assert.deepEqual(failures.slice(0, 5), [], `${failures.length} failures, seed ${random.seed}`)
    assert.equal(apiServerPid(), pid, 'the process ended')
    assert.ok(full < half + memorySlackMiB, `memory grew from ${half} to ${full} MiB`)
  })

  it('outlives bytes that are no HTTP, and upgrades that lead nowhere', async () => {
    const pid = apiServerPid()
    for (let n = 0; n < rawConnections; n++) {
      const bytes = rawRequests(random)
      const code = Number(/^HTTP\/1\.1 (\d+)/.exec(await sendRaw(bytes))?.[1] ?? 0)
      // 505 is of a version that there is not.
      assert.ok(code === 505 || !isFailure(code), `${code} for ${bytes.toString('latin1').slice(0, 300)}`)
    }
    assert.equal(apiServerPid(), pid, 'the process ended')
    await cluster.kubectl('get', 'namespaces')
  })
})
