/** Lines and headers of requests and answers. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createHttp2 } from '../../harness/http2.ts'
import type { Seen } from './backend.ts'
import { web, type World } from './world.ts'

const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']

/** What follows `…/proxy`, and what the backend sees. */
const paths: readonly (readonly [string, string])[] = [
  ['/', '/'],
  ['/a/b', '/a/b'],
  ['/a/b/', '/a/b/'],
  ['/a//b', '/a/b'],
  ['/a%20b/c%3Fd', '/a%20b/c%3Fd'],
  ['/a%2Fb', '/a/b'],
  ['/%C3%A9?q=%C3%A9&r=a+b&&s', '/%C3%A9?q=%C3%A9&r=a+b&&s'],
  ['/a/../b?x=/../y', '/b?x=/../y'],
  ["/a'(b)", '/a%27%28b%29'],
  ['/x?', '/x?'],
  ['/proxy/proxy', '/proxy/proxy'],
  ['/healthz?path=other&watch=true&timeoutSeconds=1', '/healthz?path=other&watch=true&timeoutSeconds=1'],
]

export const describeRequests = (running: () => World): void => {
  describe('requests', () => {
    it('pass with every method, and their bodies', async () => {
      const { client } = running()
      for (const method of methods) {
        const body = method === 'GET' ? undefined : `body of ${method}`
        const headers = body === undefined ? {} : { 'content-length': String(body.length) }
        const { code, seen } = await client.ask(`${web}/m?n=1`, { method, headers, ...(body && { body }) })
        assert.equal(code, 200, method)
        assert.deepEqual([seen.method, seen.url, seen.bytes], [method, '/m?n=1', body?.length ?? 0])
      }
      const head = await client.ask(`${web}/m`, { method: 'HEAD' })
      assert.deepEqual([head.code, head.headers['x-seen'], head.body.length], [200, 'HEAD /m', 0])
    })

    it('have the path that upstream makes of them', async () => {
      const { client } = running()
      for (const [asked, expected] of paths) {
        const { seen } = await client.ask(`${web}${asked}`)
        assert.equal(seen.url, expected, asked)
      }
    })

    it('are sent to a path with a slash first, if they only read', async () => {
      const { client } = running()
      for (const method of ['GET', 'HEAD']) {
        const { code, headers, body } = await client.ask(`${web}?a=%20b`, { method })
        assert.deepEqual([code, headers.location, body.length], [301, `${web}/?a=%20b`, 0])
      }
      const { code, seen } = await client.ask(`${web}?a=b`, { method: 'POST', body: 'x' })
      assert.deepEqual([code, seen.method, seen.url], [200, 'POST', '/?a=b'])
    })

    it('lose what is said to the API server alone, and keep the rest', async () => {
      const { client } = running()
      const { seen } = await client.ask(`${web}/h`, {
        headers: {
          connection: 'keep-alive, x-mine',
          'x-mine': '1',
          'keep-alive': 'timeout=5',
          te: 'trailers, deflate',
          'proxy-authorization': 'Basic x',
          'proxy-connection': 'keep-alive',
          'x-forwarded-for': ['1.2.3.4', '5.6.7.8'],
          'x-forwarded-host': 'elsewhere',
          'X-Custom': ['a', 'b'],
          cookie: 'c=1',
          'user-agent': 'tester',
          accept: 'text/x-anything',
        },
      })
      for (const name of ['x-mine', 'keep-alive', 'proxy-authorization', 'proxy-connection', 'authorization']) {
        assert.equal(seen.headers[name], undefined, name)
      }
      assert.equal(seen.headers['te'], 'trailers')
      assert.equal(seen.headers['host'], client.host)
      assert.equal(seen.headers['x-forwarded-for'], '1.2.3.4, 5.6.7.8, 127.0.0.1')
      assert.equal(seen.headers['x-forwarded-host'], 'elsewhere')
      assert.equal(seen.headers['x-forwarded-uri'], `${web}/h`)
      assert.equal(seen.headers['x-custom'], 'a, b')
      assert.equal(seen.rawHeaders.filter((name) => name === 'X-Custom').length, 2)
      assert.equal(seen.headers['cookie'], 'c=1')
      assert.equal(seen.headers['user-agent'], 'tester')
      assert.equal(seen.headers['accept'], 'text/x-anything')
      const bare = await client.ask(`${web}/h`)
      for (const name of ['user-agent', 'connection']) assert.equal(bare.seen.headers[name], undefined)
      assert.equal(bare.seen.headers['accept-encoding'], 'gzip')
    })

    it('do not carry who asks', async () => {
      const { client, http } = running()
      const token = await http('/api/v1/namespaces/default/serviceaccounts/default/token', {
        method: 'POST',
        body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} },
      })
      const { token: bearer } = token.json['status'] as { token: string }
      const { seen } = await client.ask(`${web}/w`, {
        headers: {
          authorization: `Bearer ${bearer}`,
          'impersonate-user': 'jane',
          'impersonate-group': 'system:masters',
        },
      })
      for (const name of Object.keys(seen.headers)) assert.doesNotMatch(name, /authorization|impersonate|x-remote/)
      const refused = await client.ask(`${web}/w`, { headers: { 'impersonate-user': 'jane' } })
      assert.equal(refused.code, 403)
      assert.equal(
        refused.status.message,
        'pods "web" is forbidden: User "jane" cannot get resource "pods/proxy" in API group "" in the namespace "default"',
      )
    })

    it('over HTTP/2 reach the backend as over HTTP/1.1', async () => {
      const { client, cluster } = running()
      await using http2 = await createHttp2(cluster)
      for (const [method, body] of [
        ['GET', undefined],
        ['POST', 'a body'],
        ['DELETE', 'a body'],
        ['POST', undefined],
      ] as const) {
        const call = { method, headers: { 'x-custom': 'a', cookie: ['a=1', 'b=2'] }, ...(body && { body }) }
        const { code, text, headers } = await http2.call(`${web}/two?a=b`, call)
        assert.equal(code, 200, text)
        const seen = JSON.parse(text) as Seen
        assert.deepEqual([seen.method, seen.url, seen.bytes], [method, '/two?a=b', body?.length ?? 0])
        const { host, cookie, 'x-custom': custom } = seen.headers
        assert.deepEqual([host, cookie, custom], [client.host, 'a=1; b=2', 'a'])
        assert.equal(headers['x-seen'], `${method} /two?a=b`)
      }
    })

    it('are refused where a proxy makes no sense of them', async () => {
      const { client } = running()
      const dry = await client.ask(`${web}/?dryRun=All`, { method: 'POST' })
      assert.deepEqual(
        [dry.code, dry.status.reason, dry.status.message],
        [400, 'BadRequest', 'dryRun is not supported'],
      )
      const trace = await client.ask(`${web}/`, { method: 'TRACE' })
      assert.equal(trace.code, 405)
    })
  })

  describe('answers', () => {
    it('keep their code, their headers and their bytes', async () => {
      const { client, plain } = running()
      plain.answers.set('/answer', (_, response) => {
        response.writeHead(418, 'Teapot', {
          'Set-Cookie': ['a=1', 'b=2'],
          ETag: '"x"',
          'Cache-Control': 'max-age=5',
          'Access-Control-Allow-Origin': '*',
          'Access-Control-Expose-Headers': 'ETag',
          Connection: 'X-Hop',
          'X-Hop': '1',
          'Keep-Alive': 'timeout=1',
          'Content-Type': 'x/y',
          Date: 'Wed, 01 Jan 2020 00:00:00 GMT',
          Server: 'mine',
        })
        response.end(Buffer.from([0, 255, 1]))
      })
      const { code, headers, body, rawHeaders } = await client.ask(`${web}/answer`)
      assert.equal(code, 418)
      assert.deepEqual(headers['set-cookie'], ['a=1', 'b=2'])
      assert.deepEqual([...body], [0, 255, 1])
      const { etag, date, server } = headers
      assert.deepEqual([etag, date, server], ['"x"', 'Wed, 01 Jan 2020 00:00:00 GMT', 'mine'])
      assert.equal(headers['content-type'], 'x/y')
      assert.equal(headers['cache-control'], 'no-cache, private, max-age=5')
      assert.equal(headers['access-control-expose-headers'], 'ETag')
      for (const name of ['access-control-allow-origin', 'x-hop']) assert.equal(headers[name], undefined, name)
      assert.match(headers['audit-id'] as string, /^[0-9a-f-]{36}$/)
      assert.equal(rawHeaders.filter((name) => name.toLowerCase() === 'date').length, 1)
    })

    it('without a body have none', async () => {
      const { client, plain } = running()
      for (const code of [204, 304]) {
        // The header is of the body that there would have been.
        plain.answers.set(`/${code}`, (_, response) => {
          response.writeHead(code, { ETag: '"e"', 'Content-Encoding': 'gzip' }).end()
        })
        const got = await client.ask(`${web}/${code}`)
        assert.deepEqual([got.code, got.body.length, got.headers.etag], [code, 0, '"e"'])
      }
    })
  })
}
