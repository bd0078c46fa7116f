/** Ingresses out of the box: kubectl applies them, curl asks the proxies of two nodes, real containers answer. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { Ingress } from '../../api/types.ts'
import { createCa, issueCertificate } from '../../component-base/pki/certificates.ts'
import { workerPid } from '../../deploy/ingress/admin-socket.ts'
import { namespaceOf } from '../../deploy/network.ts'
import { runCommand, startCommand } from '../harness/command.ts'
import { busyboxImage, ensureTestImages, webImage } from '../harness/images.ts'
import { killProcess } from '../harness/kill.ts'
import { useCluster } from '../harness/use-cluster.ts'
import { waitFor } from '../harness/wait.ts'

const running = useCluster({ nodes: 2, ingressController: true }, () => ensureTestImages())

const directory = mkdtempSync(join(tmpdir(), 'kubets-ingress-'))
after(() => rmSync(directory, { recursive: true }))

const namespace = 'shop'
const labelsOf = (name: string): object => ({ app: name })

/** A Deployment that answers every path with its name, and its Service. */
const echo = (name: string): object[] => [
  {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace },
    spec: {
      selector: { matchLabels: labelsOf(name) },
      template: {
        metadata: { labels: labelsOf(name) },
        spec: {
          terminationGracePeriodSeconds: 0,
          containers: [
            {
              name: 'main',
              image: busyboxImage,
              command: [
                'sh',
                '-c',
                `mkdir -p /tmp/www; echo ${name} > /tmp/www/index.html; echo E404:/tmp/www/index.html > /tmp/httpd.conf; httpd -f -p 8080 -h /tmp/www -c /tmp/httpd.conf`,
              ],
              ports: [{ name: 'web', containerPort: 8080 }],
              readinessProbe: { tcpSocket: { port: 'web' }, periodSeconds: 1 },
            },
          ],
        },
      },
    },
  },
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace },
    spec: { selector: labelsOf(name), ports: [{ name: 'http', port: 80, targetPort: 'web' }] },
  },
]

const backend = (name: string, port: object = { number: 80 }): object => ({ service: { name, port } })
const path = (text: string, pathType: string, to: string): object => ({ path: text, pathType, backend: backend(to) })
const ingress = (name: string, spec: object): object => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'Ingress',
  metadata: { name, namespace },
  spec,
})

const apply = (...items: object[]): Promise<string> =>
  running().kubectl.withInput(JSON.stringify({ apiVersion: 'v1', kind: 'List', items }), 'apply', '-f', '-')

const addresses = (): string[] =>
  running()
    .nodes()
    .map(({ address }) => address)

/** What curl gets, of the first node unless another is asked. */
const curl = async (url: string, ...args: string[]): Promise<string> => {
  const { hostname, port, protocol } = new URL(url)
  const at = `${hostname}:${port === '' ? (protocol === 'https:' ? 443 : 80) : port}:${addresses()[0]}`
  const { stdout, code } = await runCommand('curl', ['-s', '-m', '10', '--resolve', at, ...args, url])
  return code === 0 ? stdout.trim() : `curl: ${code}`
}

const answers = (url: string, expected: string, ...args: string[]): Promise<unknown> =>
  waitFor(async () => (await curl(url, ...args)) === expected, {
    what: `${url} to be answered by ${expected}`,
    timeoutMs: 30_000,
  }).catch(async () => assert.equal(await curl(url, ...args), expected, url))

const eventOf = (name: string, reason: string, message: RegExp): Promise<unknown> =>
  waitFor(
    async () => {
      const events = await running().kubectl(
        'get',
        'events',
        '-n',
        namespace,
        '--field-selector',
        `involvedObject.name=${name}`,
      )
      return events.split('\n').some((line) => line.includes('Warning') && line.includes(reason) && message.test(line))
    },
    { what: `an event ${reason} of ${name}`, timeoutMs: 20_000 },
  )

describe('Ingresses', () => {
  before(async () => {
    const { kubectl } = running()
    await kubectl('create', 'namespace', namespace)
    await apply(...['red', 'blue', 'green'].flatMap(echo))
    for (const name of ['red', 'blue', 'green'])
      await kubectl('rollout', 'status', `deployment/${name}`, '-n', namespace, '--timeout=60s')
  })

  it('get the class of the cluster, its addresses, and answers at every node', async () => {
    const { kubectl } = running()
    await apply(
      ingress('colours', { rules: [{ host: 'red.example.com', http: { paths: [path('/', 'Prefix', 'red')] } }] }),
    )
    const found = await waitFor(
      async () => {
        const one = await kubectl.json<Ingress>('get', 'ingress', 'colours', '-n', namespace)
        return (one.status?.loadBalancer?.ingress ?? []).length > 0 ? one : undefined
      },
      { what: 'an address' },
    )
    assert.equal(found.spec?.ingressClassName, 'kubets')
    assert.deepEqual(
      found.status?.loadBalancer?.ingress,
      addresses().map((ip) => ({ ip })),
    )
    await answers('http://red.example.com/', 'red')
    for (const address of addresses()) {
      const { stdout } = await runCommand('curl', [
        '-s',
        '-m',
        '10',
        '-H',
        'Host: red.example.com',
        `http://${address}/any/thing`,
      ])
      assert.equal(stdout.trim(), 'red')
    }
    assert.equal(await curl('http://other.example.com/'), 'default backend - 404')
  })

  it('choose by host and path as the API says', async () => {
    await apply(
      ingress('colours', {
        rules: [
          {
            host: 'all.example.com',
            http: {
              paths: [
                path('/', 'Prefix', 'red'),
                path('/b', 'Prefix', 'green'),
                path('/b', 'Exact', 'blue'),
                { path: '/b/longer', pathType: 'Prefix', backend: backend('red', { name: 'http' }) },
              ],
            },
          },
          { host: '*.example.com', http: { paths: [path('/w', 'ImplementationSpecific', 'green')] } },
        ],
      }),
      ingress('rest', { defaultBackend: backend('blue') }),
    )
    await answers('http://nowhere.example.org/', 'blue')
    const table: readonly (readonly [url: string, by: string])[] = [
      ['http://all.example.com/', 'red'],
      ['http://all.example.com/bb', 'red'],
      ['http://all.example.com/b', 'blue'],
      ['http://ALL.example.com/b?query=1', 'blue'],
      ['http://all.example.com/b/', 'green'],
      ['http://all.example.com/b/x', 'green'],
      ['http://all.example.com/b/longer/x', 'red'],
      ['http://some.example.com/w/x', 'green'],
      ['http://some.example.com/', 'blue'],
      ['http://a.some.example.com/w', 'blue'],
    ]
    for (const [url, by] of table) assert.equal(await curl(url), by, url)
    await running().kubectl('delete', 'ingress', 'rest', '-n', namespace)
    await answers('http://nowhere.example.org/', 'default backend - 404')
  })

  it('show each host the certificate of its Secret, follow it, and tell of one that is no good', async () => {
    const { kubectl } = running()
    const newSecret = async (ca: Awaited<ReturnType<typeof createCa>>): Promise<string> => {
      const { certPem, keyPem } = await issueCertificate(ca, {
        commonName: 'tls',
        dnsNames: ['tls.example.com'],
        usages: ['server'],
        days: 1,
      })
      const [cert, key] = [join(directory, 'tls.crt'), join(directory, 'tls.key')]
      writeFileSync(cert, certPem)
      writeFileSync(key, keyPem)
      return kubectl(
        'create',
        'secret',
        'tls',
        'tls',
        '-n',
        namespace,
        `--cert=${cert}`,
        `--key=${key}`,
        '--dry-run=client',
        '-o',
        'yaml',
      )
    }
    const trusting = async (name: string): Promise<[string, Awaited<ReturnType<typeof createCa>>]> => {
      const ca = await createCa(name)
      const file = join(directory, `${name}.crt`)
      writeFileSync(file, ca.certPem)
      return [file, ca]
    }
    const [[first, firstCa], [second, secondCa]] = [await trusting('first'), await trusting('second')]
    await kubectl.withInput(await newSecret(firstCa), 'apply', '-f', '-')
    const rule = (host: string): object => ({ host, http: { paths: [path('/', 'Prefix', 'green')] } })
    await apply(
      ingress('secure', { tls: [{ hosts: ['tls.example.com'], secretName: 'tls' }], rules: [rule('tls.example.com')] }),
      ingress('broken', {
        tls: [{ hosts: ['broken.example.com'], secretName: 'missing' }],
        rules: [rule('broken.example.com')],
      }),
    )
    await answers('https://tls.example.com/', 'green', '--cacert', first)
    assert.equal(await curl('http://tls.example.com/'), 'green', 'without TLS too')
    assert.equal(await curl('https://tls.example.com/', '--cacert', second), 'curl: 60', 'nobody else’s')
    // Whose Secret is no good has a certificate that nobody trusts, and its owner is told.
    await answers('https://broken.example.com/', 'green', '-k')
    assert.equal(await curl('https://broken.example.com/', '--cacert', first), 'curl: 60')
    await eventOf('broken', 'InvalidSecret', /secret shop\/missing: it does not exist/)
    await kubectl.withInput(await newSecret(secondCa), 'apply', '-f', '-')
    await answers('https://tls.example.com/', 'green', '--cacert', second)
    await kubectl(
      'patch',
      'secret',
      'tls',
      '-n',
      namespace,
      '-p',
      JSON.stringify({ stringData: { 'tls.key': 'rubbish' } }),
    )
    await eventOf('secure', 'InvalidSecret', /tls\.key is not a private key/)
    assert.equal(await curl('http://all.example.com/b'), 'blue', 'others are served')
  })

  it('tell of backends that cannot be had, and answer 503 for them', async () => {
    const code = (url: string): Promise<string> => curl(url, '-o', '/dev/null', '-w', '%{http_code}')
    await apply(
      ingress('lost', {
        rules: [
          {
            host: 'lost.example.com',
            http: {
              paths: [
                path('/missing', 'Prefix', 'nobody'),
                { path: '/bucket', pathType: 'Prefix', backend: { resource: { kind: 'Bucket', name: 'pictures' } } },
              ],
            },
          },
        ],
      }),
    )
    await eventOf('lost', 'ServiceNotFound', /service shop\/nobody does not exist/)
    await eventOf('lost', 'UnsupportedBackend', /Bucket pictures/)
    await answers('http://lost.example.com/missing', '503', '-o', '/dev/null', '-w', '%{http_code}')
    assert.equal(await code('http://lost.example.com/bucket'), '503')
    assert.equal(await code('http://lost.example.com/'), '404')
  })

  it('lose no request while what is behind them is exchanged', { timeout: 180_000 }, async () => {
    const { kubectl } = running()
    await apply(
      {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name: 'web', namespace },
        spec: {
          replicas: 3,
          selector: { matchLabels: labelsOf('web') },
          template: {
            metadata: { labels: labelsOf('web') },
            spec: {
              terminationGracePeriodSeconds: 5,
              containers: [
                {
                  name: 'main',
                  image: webImage(1),
                  // An answer that has begun is finished, as everybody who wants no request lost has it.
                  lifecycle: { preStop: { exec: { command: ['sleep', '1'] } } },
                  readinessProbe: { httpGet: { path: '/', port: 80 }, periodSeconds: 1 },
                },
              ],
            },
          },
        },
      },
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'web', namespace },
        spec: { selector: labelsOf('web'), ports: [{ port: 80 }] },
      },
      ingress('web', { rules: [{ host: 'web.example.com', http: { paths: [path('/', 'Prefix', 'web')] } }] }),
    )
    await kubectl('rollout', 'status', 'deployment/web', '-n', namespace, '--timeout=60s')
    await waitFor(async () => (await curl('http://web.example.com/')).endsWith(' v1'), { what: 'the first version' })

    const workers = (): Promise<(number | undefined)[]> =>
      Promise.all(addresses().map((address) => workerPid(join(running().layout.ingress, address, 'admin.sock'))))
    const workersBefore = await workers()
    assert.ok(workersBefore.every((pid) => pid !== undefined))

    // Some keep their connection, some come with a new one each time.
    const agents = [new Agent({ keepAlive: true, maxSockets: 2 }), new Agent({ keepAlive: false })]
    const failures: string[] = []
    const versions = new Map<string, number>()
    const ask = (agent: Agent): Promise<void> =>
      new Promise((resolve) => {
        const options = { host: addresses()[0], agent, headers: { host: 'web.example.com' }, timeout: 10_000 }
        const req = request(options, (response) => {
          let body = ''
          response.setEncoding('utf8').on('data', (chunk: string) => {
            body += chunk
          })
          response.on('error', (error) => {
            failures.push(`in the middle: ${String(error)}`)
            resolve()
          })
          response.on('end', () => {
            const version = / (v\d)$/.exec(body.trim())?.[1] ?? ''
            if (response.statusCode === 200) versions.set(version, (versions.get(version) ?? 0) + 1)
            else failures.push(`${response.statusCode} ${body.slice(0, 80)}`)
            resolve()
          })
        })
        req.on('timeout', () => req.destroy(new Error('timeout')))
        req.on('error', (error) => {
          // A connection that is kept may be closed just when it is used again: no client counts that as an answer.
          if (agent === agents[0] && req.reusedSocket && 'code' in error && error.code === 'ECONNRESET')
            return resolve()
          failures.push(String(error))
          resolve()
        })
        req.end()
      })
    let isOver = false
    const clients = [...agents, ...agents].map(async (agent) => {
      while (!isOver) await ask(agent)
    })
    await kubectl('set', 'image', 'deployment/web', `main=${webImage(2)}`, '-n', namespace)
    await kubectl('rollout', 'status', 'deployment/web', '-n', namespace, '--timeout=120s')
    const before = versions.get('v2') ?? 0
    await waitFor(() => (versions.get('v2') ?? 0) > before + 100, { what: 'answers of the second version' })
    isOver = true
    await Promise.all(clients)
    for (const agent of agents) agent.destroy()
    assert.deepEqual(failures, [])
    assert.deepEqual(await workers(), workersBefore, 'servers came and went without a reload')
    assert.ok((versions.get('v1') ?? 0) > 0 && (versions.get('v2') ?? 0) > 0, JSON.stringify([...versions]))
  })

  it('are served again when a proxy or its controller was killed', async () => {
    const controller = await killProcess(running(), 'ingress-controller')
    await answers('http://all.example.com/b', 'blue')
    const children = readFileSync(`/proc/${controller}/task/${controller}/children`, 'utf8')
    const proxies = children.trim().split(' ').map(Number)
    assert.equal(proxies.length, 2)
    for (const proxy of proxies) process.kill(proxy, 'SIGKILL')
    await waitFor(() => proxies.every((pid) => !isAlive(pid)), { what: 'the end of the proxies' })
    await answers('http://all.example.com/b', 'blue')
  })

  it('that go to another class, or away, are not served any more', async () => {
    const { kubectl } = running()
    await kubectl(
      'patch',
      'ingress',
      'colours',
      '-n',
      namespace,
      '-p',
      JSON.stringify({ spec: { ingressClassName: 'other' } }),
    )
    await answers('http://all.example.com/b', 'default backend - 404')
    await waitFor(
      async () =>
        (await kubectl.json<Ingress>('get', 'ingress', 'colours', '-n', namespace)).status?.loadBalancer?.ingress ===
        undefined,
      { what: 'an Ingress without an address' },
    )
    await kubectl('delete', 'ingress', '--all', '-n', namespace)
    await answers('http://all.example.com/b', 'curl: 7')
  })

  it('have the addresses of those nodes alone whose ports are free for them', async () => {
    const { kubectl } = running()
    const [first = '', second = ''] = addresses()
    await using busy = startCommand('nsenter', [
      `--net=/run/netns/${namespaceOf(running().config(), running().nodes()[1]?.name ?? '')}`,
      '--',
      process.execPath,
      '-e',
      `require('node:net').createServer().listen(80, '::', () => console.log('ready'))`,
    ])
    await kubectl('delete', 'ingress', '--all', '-n', namespace)
    await answers('http://all.example.com/b', 'curl: 7')
    await busy.until(/ready/)
    await apply(ingress('lone', { defaultBackend: backend('red') }))
    const has = (wanted: readonly string[]): Promise<unknown> =>
      waitFor(
        async () => {
          const { status } = await kubectl.json<Ingress>('get', 'ingress', 'lone', '-n', namespace)
          return (status?.loadBalancer?.ingress ?? []).map(({ ip }) => ip).join() === wanted.join()
        },
        { what: `an Ingress at ${wanted.join()}`, timeoutMs: 60_000 },
      )
    await has([first])
    await answers('http://all.example.com/b', 'red')
    await busy[Symbol.asyncDispose]()
    await has([first, second])
  })
})

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
