/** The doors of the API server beside its resources: root paths, health, limits, and the headers of every answer. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { Agent, request as httpsRequest } from 'node:https'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { connect } from 'node:tls'
import { createHttp, type Http, pkiCredentials } from '../harness/http.ts'
import { openPost } from '../harness/open-post.ts'
import { useCluster } from '../harness/use-cluster.ts'

const requestTimeoutMs = 3_000
const theCluster = useCluster(
  {
    extraArgs: {
      'kube-apiserver': {
        profiling: 'true',
        'request-timeout': `${requestTimeoutMs / 1000}s`,
        'strict-transport-security-directives': 'max-age=31536000,includeSubDomains',
        'max-mutating-requests-inflight': '20',
        // Flow control has a file of its own: here the plain limits are.
        'enable-priority-and-fairness': 'false',
      },
    },
  },
  (cluster) => {
    http = createHttp(cluster, pkiCredentials(cluster, 'admin'))
    anonymous = createHttp(cluster)
  },
)
let http: Http
let anonymous: Http

const configMaps = '/api/v1/namespaces/default/configmaps'

describe('root paths', () => {
  it('lists all that can be asked for, health checks too, and each of them answers', async () => {
    const { paths } = (await http('/')).json as { paths: string[] }
    assert.deepEqual(paths, paths.toSorted())
    for (const path of [
      '/.well-known/openid-configuration',
      '/api/v1',
      '/apis/',
      '/apis/apps/v1',
      '/healthz/etcd',
      '/healthz/poststarthook/rbac/bootstrap-roles',
      '/livez/ping',
      '/metrics/slis',
      '/openapi/v3/',
      '/readyz/shutdown',
      '/statusz',
    ]) {
      assert.ok(paths.includes(path), path)
    }
    // Upstream lists the place of the documents too, at which there is none.
    for (const path of paths) assert.equal((await http(path)).code, path === '/openapi/v3/' ? 404 : 200, path)
    assert.equal((await http('/index.html')).text, (await http('/')).text)
  })

  it('indents the version for every client', async () => {
    const { text } = await http('/version', { headers: { accept: 'application/yaml' } })
    assert.match(text, /^\{\n {2}"major": "1",\n/)
  })

  it('answers an unknown path with text, an unknown resource of a known group with a Status', async () => {
    for (const path of ['/nothing', '/logs/', '/apis/nobody.example.com', '/apis/nobody.example.com/v1/things']) {
      const { code, text, headers } = await http(path)
      assert.equal(code, 404, path)
      assert.equal(text, '404 page not found\n', path)
      assert.equal(headers['content-type'], 'text/plain; charset=utf-8')
      assert.equal(headers['x-content-type-options'], 'nosniff')
    }
    for (const path of ['/apis/apps/v9', '/api/v2', '/api/v1/things', '/apis/apps/v1/things/x']) {
      const { code, status } = await http(path)
      assert.equal(code, 404, path)
      assert.equal(status.message, 'the server could not find the requested resource', path)
    }
    assert.equal((await http('/api/v1/proxy/namespaces/default/pods/x')).code, 404)
  })

  it('refuses methods that a path does not have, HEAD among them', async () => {
    for (const path of ['/version', '/api', '/apis', '/apis/apps', '/apis/apps/v1', configMaps, '/api/v1/nodes/x']) {
      for (const method of ['HEAD', 'OPTIONS'])
        assert.equal((await http(path, { method })).code, 405, `${method} ${path}`)
    }
    assert.equal((await http('/healthz', { method: 'HEAD' })).code, 200)
    assert.equal((await http('/', { method: 'HEAD' })).code, 200)
  })

  it('says that profiles are not there', async () => {
    const { code, status } = await http('/debug/pprof/heap')
    assert.equal(code, 501)
    assert.equal(status.reason, 'Unimplemented')
  })
})

const v2Protobuf = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf'

describe('OpenAPI', () => {
  it('has one document for all in the form that is asked for, or in JSON', async () => {
    const json = await http('/openapi/v2', { headers: { accept: `text/plain, */*` } })
    assert.equal(json.headers['content-type'], 'application/json')
    const protobuf = await http('/openapi/v2', { headers: { accept: v2Protobuf } })
    assert.equal(protobuf.headers['content-type'], 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf')
    assert.equal(protobuf.headers['etag'], json.headers['etag'])
    assert.equal((await http('/openapi/v2', { headers: { accept: 'text/plain' } })).code, 406)
    const known = { headers: { 'if-none-match': `"other", ${String(json.headers['etag'])}` } }
    assert.equal((await http('/openapi/v2', known)).code, 304)
  })

  it('has a document for each group and version, which clients keep by its hash', async () => {
    const { paths } = (await http('/openapi/v3')).json as { paths: Record<string, { serverRelativeURL: string }> }
    for (const key of ['.well-known/openid-configuration', 'api', 'apis/batch', 'apis/batch/v1', 'version']) {
      const url = paths[key]?.serverRelativeURL ?? ''
      const { code, headers, json } = await http(url)
      assert.equal(code, 200, key)
      assert.equal(json['openapi'], '3.0.0')
      assert.equal(headers['cache-control'], 'public, immutable')
      assert.match(String(headers['expires']), /GMT$/)
      assert.equal(headers['etag'], `"${new URL(url, 'https://x').searchParams.get('hash')}"`)
    }
    const moved = await http('/openapi/v3/apis/batch/v1?hash=OLD')
    assert.equal(moved.code, 301)
    assert.equal(moved.headers['location'], paths['apis/batch/v1']?.serverRelativeURL)
    const plain = await http('/openapi/v3/apis/batch/v1')
    assert.equal(plain.headers['cache-control'], 'no-cache, private')
    assert.equal((await http('/openapi/v3/apis/batch/v9')).code, 404)
    assert.equal((await http('/openapi/v3/api/v1', { headers: { accept: 'text/html' } })).code, 406)
  })
})

describe('aggregated discovery', () => {
  const asked = (version: string, more = ''): string =>
    `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList${more}`
  const kindOf = async (accept: string): Promise<unknown> => (await http('/apis', { headers: { accept } })).json['kind']

  it('is what a client likes best', async () => {
    assert.equal(await kindOf(`${asked('v2')},application/json`), 'APIGroupDiscoveryList')
    assert.equal(await kindOf(`${asked('v2', ';q=0.5')},application/json;q=0.9`), 'APIGroupList')
    assert.equal(await kindOf(`application/json;q=0.5,${asked('v2', ';profile=nopeer')}`), 'APIGroupDiscoveryList')
    assert.equal(await kindOf(`${asked('v2beta1')},application/json`), 'APIGroupList')
    assert.equal(await kindOf('*/*'), 'APIGroupList')
  })
})

describe('health', () => {
  it('answers ok, all checks, all but some, and one', async () => {
    assert.equal((await anonymous('/livez')).text, 'ok')
    const all = await anonymous('/readyz?verbose')
    assert.match(all.text, /^\[\+\]ping ok\n(\[\+\]\S+ ok\n)+readyz check passed\n$/)
    assert.equal(all.headers['x-content-type-options'], 'nosniff')
    const some = await anonymous('/readyz?verbose&exclude=etcd&exclude=nobody')
    assert.match(some.text, /^\[\+\]etcd excluded: ok$/m)
    assert.match(some.text, /^warn: some health checks cannot be excluded: no matches for "nobody"$/m)
    assert.equal((await http('/healthz/ping')).text, 'ok')
    assert.equal((await http('/healthz/nobody')).text, '404 page not found\n')
    assert.equal((await http('/healthz/')).code, 404)
  })

  it('is counted at /metrics/slis, until that is reset', async () => {
    await anonymous('/livez')
    const { text, headers } = await http('/metrics/slis')
    assert.match(text, /^kubernetes_healthcheck\{name="etcd",type="livez"\} 1$/m)
    assert.match(text, /^kubernetes_healthchecks_total\{name="ping",type="livez",status="success"\} \d+$/m)
    assert.match(String(headers['content-type']), /^text\/plain; version=0\.0\.4/)
    assert.equal((await http('/metrics/slis', { method: 'DELETE' })).text, 'metrics reset\n')
    assert.doesNotMatch((await http('/metrics/slis')).text, /^kubernetes_healthcheck\{/m)
  })
})

describe('pages about the process', () => {
  it('are text for people', async () => {
    const status = await http('/statusz', { headers: { accept: '*/*' } })
    assert.equal(status.headers['content-type'], 'text/plain; charset=utf-8')
    assert.match(status.text, /^\napiserver statusz\nWarning: This endpoint is not meant to be machine parseable/)
    assert.match(status.text, /^Paths[:= ]+\/flagz \/healthz \/livez \/metrics \/readyz \/statusz \/version$/m)
    const flags = await http('/flagz')
    assert.match(flags.text, /^request-timeout(:|: |=| )3s$/m)
    assert.match(flags.text, /^authorization-mode(:|: |=| )\[Node,RBAC\]$/m)
  })

  it('are objects when asked for by name, and nothing else', async () => {
    const asked = (kind: string, version: string) => ({
      headers: { accept: `application/json;as=${kind};v=${version};g=config.k8s.io` },
    })
    const status = await http('/statusz', asked('Statusz', 'v1beta1'))
    assert.equal(status.headers['content-type'], 'application/json;g=config.k8s.io;v=v1beta1;as=Statusz')
    assert.deepEqual([status.json['kind'], status.json['binaryVersion']], ['Statusz', '1.36'])
    const flags = await http('/flagz', asked('Flagz', 'v1alpha1'))
    assert.equal((flags.json['flags'] as Record<string, string>)['goaway-chance'], '0')
    assert.match(String(flags.headers['warning']), /This version of the flagz endpoint is deprecated/)
    assert.equal((await http('/statusz', { headers: { accept: 'application/json' } })).code, 406)
  })

  it('are not for everybody', async () => {
    assert.equal((await anonymous('/statusz')).code, 401)
    const role = await http('/apis/rbac.authorization.k8s.io/v1/clusterroles/system:monitoring')
    assert.match(role.text, /"\/flagz"/)
  })
})

describe('headers of every answer', () => {
  it('name the request, forbid caches and ask for HTTPS', async () => {
    for (const path of ['/healthz', '/version', configMaps, '/nothing', `${configMaps}/missing`, '/openapi/v3']) {
      const { headers } = await http(path, { headers: { 'audit-id': 'mine' } })
      assert.equal(headers['audit-id'], 'mine')
      assert.equal(headers['cache-control'], 'no-cache, private')
      assert.equal(headers['strict-transport-security'], 'max-age=31536000; includeSubDomains')
    }
  })

  it('say nothing of a connection that stays', async () => {
    const { server, layout } = theCluster()
    const agent = new Agent({ keepAlive: true, ca: readFileSync(join(layout.pki, 'ca.crt'), 'utf8') })
    const answers: IncomingMessage[] = []
    for (let index = 0; index < 2; index++) {
      const request = httpsRequest(`${server}/healthz`, { agent }).end()
      const [answer] = (await once(request, 'response')) as [IncomingMessage]
      answers.push(answer)
      await once(answer.resume(), 'end')
      assert.equal(request.reusedSocket, index === 1)
    }
    agent.destroy()
    for (const { headers } of answers) {
      assert.equal(headers.connection, undefined)
      assert.equal(headers['keep-alive'], undefined)
    }
  })

  it('tell caches all that an answer depends on', async () => {
    const { headers } = await http('/openapi/v2', { headers: { 'accept-encoding': 'gzip' } })
    assert.equal(headers['vary'], 'Accept, Accept-Encoding')
  })

  it('cut warnings when there are too many', async () => {
    const unknown = Object.fromEntries(
      Array.from({ length: 100 }, (_, index) => [`unknown${index}${'x'.repeat(300)}`, 1]),
    )
    const { headers, code } = await http(`${configMaps}?dryRun=All&fieldValidation=Warn`, {
      method: 'POST',
      body: { metadata: { name: 'warned' }, ...unknown },
    })
    assert.equal(code, 201)
    const warnings = String(headers['warning']).split(/, (?=299 )/)
    assert.equal(warnings.length, 16)
    // A quote in the text is escaped.
    for (const warning of warnings) assert.equal(warning.length, '299 - ""'.length + 256 + 1)
  })
})

/** A POST whose body does not come. */
const openBody = (path: string) => openPost(theCluster(), path, notMaster())

/** system:masters is not counted; the controller manager's own account is. */
const notMaster = () => {
  const conf = readFileSync(join(theCluster().layout.root, 'controller-manager.conf'), 'utf8')
  const decoded = (name: string): string =>
    Buffer.from(new RegExp(`${name}: *"?([A-Za-z0-9+/=]+)`).exec(conf)?.[1] ?? '', 'base64').toString('utf8')
  return { cert: decoded('client-certificate-data'), key: decoded('client-key-data') }
}

describe('limits', () => {
  it('ends a request whose body does not come with 504, in upstream’s words', async () => {
    const { answer } = openBody('/api/v1/namespaces/default/events?dryRun=All')
    const { code, headers, text } = await answer
    assert.equal(code, 504)
    assert.equal(headers['connection'], 'close')
    assert.equal(headers['content-type'], 'text/plain; charset=utf-8')
    assert.deepEqual(JSON.parse(text), {
      metadata: {},
      status: 'Failure',
      message: 'Timeout: request did not complete within the allotted timeout',
      reason: 'Timeout',
      details: {},
      code: 504,
    })
  })

  it('does not end a watch with it', async () => {
    const started = performance.now()
    const { code } = await http(`${configMaps}?watch=true&timeoutSeconds=${requestTimeoutMs / 1000 + 1}`)
    assert.equal(code, 200)
    assert.ok(performance.now() - started > requestTimeoutMs)
  })

  it('takes a shorter time from the query, and refuses what is none', async () => {
    const { code, status } = await http(`${configMaps}?timeout=soon`)
    assert.equal(code, 400)
    assert.equal(status.message, 'invalid timeout specified in the request URL - time: invalid duration "soon"')
    assert.equal((await http(`${configMaps}?timeout=32s`)).code, 200)
    const started = performance.now()
    const { answer } = openBody('/api/v1/namespaces/default/events?dryRun=All&timeout=500ms')
    assert.equal((await answer).code, 504)
    assert.ok(performance.now() - started < requestTimeoutMs)
  })

  it('refuses more writes at once than it may have, as text with Retry-After', async () => {
    const open = Array.from({ length: 21 }, () => openBody('/api/v1/namespaces/default/events?dryRun=All'))
    const { code, headers, text } = await Promise.race(open.map(({ answer }) => answer))
    for (const { request } of open) request.destroy()
    assert.equal(code, 429)
    assert.equal(headers['retry-after'], '1')
    assert.equal(headers['content-type'], 'text/plain; charset=utf-8')
    assert.equal(text, 'Too many requests, please try again later.\n')
  })
})

/** Bytes on a connection, and all that comes back until the server closes it. */
const exchange = (bytes: string): Promise<string> =>
  new Promise((resolve) => {
    const { hostname, port } = new URL(theCluster().server)
    const ca = readFileSync(join(theCluster().layout.pki, 'ca.crt'), 'utf8')
    let text = ''
    const socket = connect({ host: hostname, port: Number(port), ca, ALPNProtocols: ['http/1.1'] }, () =>
      socket.write(bytes),
    )
    socket.setEncoding('latin1').on('data', (chunk: string) => (text += chunk))
    socket.on('error', () => undefined)
    socket.on('close', () => resolve(text))
  })

describe('requests that are none', () => {
  const plain = (line: string): string =>
    `HTTP/1.1 ${line}\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n${line}`

  it('are answered as Go answers them', async () => {
    assert.equal(await exchange('NONSENSE\r\n\r\n'), plain('400 Bad Request'))
    assert.equal(await exchange('GET / HTTP/x.1\r\nHost: x\r\n\r\n'), plain('400 Bad Request'))
    assert.equal(
      await exchange('GET / HTTP/3.7\r\nHost: x\r\n\r\n'),
      plain('505 HTTP Version Not Supported: unsupported protocol version'),
    )
  })

  it('are refused when their headers are longer than 1 MiB, and not before', async () => {
    const request = (count: number): string =>
      `GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${`X-A: ${'a'.repeat(50_000)}\r\n`.repeat(count)}\r\n`
    assert.match(await exchange(request(20)), /^HTTP\/1\.1 200 OK\r\n/)
    assert.match(await exchange(request(22)), /^HTTP\/1\.1 431 Request Header Fields Too Large\r\n/)
  })
})
