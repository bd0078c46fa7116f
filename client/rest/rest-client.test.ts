import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { text } from 'node:stream/consumers'
import type { TLSSocket } from 'node:tls'
import { StatusError } from '../../api/meta/status-error.ts'
import { deployments, pods } from '../../api/resources.ts'
import type { Pod } from '../../api/types.ts'
import { type CertificatePair, createCa, issueCertificate } from '../../component-base/pki/certificates.ts'
import type { ClientConfig } from '../../component-base/kubeconfig.ts'
import { createRestClient, type RestClient } from './rest-client.ts'

const json = (response: ServerResponse, code: number, body: unknown, headers: Record<string, string> = {}): void => {
  response.writeHead(code, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))
}
const status = (code: number, reason: string, message: string) => ({
  kind: 'Status',
  status: 'Failure',
  code,
  reason,
  message,
})

describe('REST client', () => {
  let server: Server
  let client: RestClient
  let answer: RequestListener = (_, response) => json(response, 200, {})
  const seen: { method?: string; url?: string; body: string; headers: IncomingMessage['headers']; user: unknown }[] = []
  const last = () => seen.at(-1)
  const events = async (url: Parameters<RestClient['watch']>[1] = {}): Promise<string[]> => {
    const found: string[] = []
    for await (const { type, object } of client.watch(pods, url, new AbortController().signal)) {
      found.push(`${type} ${object.metadata?.name}`)
    }
    return found
  }

  before(async () => {
    const ca = await createCa('kubernetes')
    const serving = await issueCertificate(ca, { commonName: 'a', ips: ['127.0.0.1'], usages: ['server'], days: 1 })
    const mine = await issueCertificate(ca, { commonName: 'system:test', usages: ['client'], days: 1 })
    const tls = { cert: serving.certPem, key: serving.keyPem, ca: ca.certPem, requestCert: true }
    server = createServer(tls, (request, response) => {
      void text(request).then((body) => {
        const { CN } = (request.socket as TLSSocket).getPeerCertificate().subject
        const { method, url, headers } = request
        seen.push({ ...(method && { method }), ...(url && { url }), headers, body, user: CN })
        answer(request, response)
      })
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    client = createRestClient(configOf(server, ca, mine), { userAgent: 'test/v1' })
  })
  after(async () => {
    await client.close()
    server.closeAllConnections()
    server.close()
  })

  it('sends who it is, what it wants and where', async () => {
    await client.patch(
      deployments,
      'web',
      'ns',
      { spec: { replicas: 2 } },
      { type: 'merge', subresource: 'scale', fieldManager: 'me' },
    )
    assert.equal(last()?.user, 'system:test')
    assert.equal(last()?.headers['user-agent'], 'test/v1')
    assert.equal(last()?.headers.authorization, 'Bearer secret')
    assert.equal(last()?.headers['content-type'], 'application/merge-patch+json')
    assert.equal(
      `${last()?.method} ${last()?.url}`,
      'PATCH /apis/apps/v1/namespaces/ns/deployments/web/scale?fieldManager=me',
    )
    assert.equal(last()?.body, '{"spec":{"replicas":2}}')
  })

  it('fills in the type of what it creates', async () => {
    await client.create(pods, { metadata: { name: 'a', namespace: 'ns' } } as Pod)
    assert.deepEqual(JSON.parse(last()?.body ?? ''), {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'a', namespace: 'ns' },
    })
  })

  it('throws the Status that it is answered with', async () => {
    answer = (_, response) => json(response, 404, status(404, 'NotFound', 'pods "a" not found'))
    await assert.rejects(client.get(pods, 'a', 'ns'), (error) => {
      assert.ok(error instanceof StatusError)
      assert.deepEqual([error.reason, error.code, error.message], ['NotFound', 404, 'pods "a" not found'])
      return true
    })
  })

  it('makes an error of an answer that is no Status', async () => {
    answer = (_, response) => response.writeHead(502).end('Bad Gateway')
    await assert.rejects(client.get(pods, 'a', 'ns'), { name: 'StatusError', code: 502, message: 'Bad Gateway' })
  })

  it('comes back when a busy server says when', async () => {
    let count = 0
    answer = (_, response) =>
      ++count < 3
        ? json(response, 429, status(429, 'TooManyRequests', 'busy'), { 'retry-after': '0' })
        : json(response, 200, { metadata: { name: 'a' } })
    assert.equal((await client.get(pods, 'a', 'ns')).metadata?.name, 'a')
    assert.equal(count, 3)
  })

  it('does not wait for a busy server beyond the time of the call', async () => {
    answer = (_, response) => json(response, 503, status(503, 'ServiceUnavailable', 'busy'), { 'retry-after': '20' })
    await assert.rejects(client.get(pods, 'a', 'ns', { timeoutMs: 1_000 }), { reason: 'ServiceUnavailable' })
  })

  it('takes the 429 of an eviction for an answer', async () => {
    const before = seen.length
    answer = (_, response) => json(response, 429, status(429, 'TooManyRequests', 'budget'), { 'retry-after': '0' })
    const eviction = { metadata: { name: 'a', namespace: 'ns' } } as Pod
    await assert.rejects(client.create(pods, eviction, { name: 'a', subresource: 'eviction' }), { message: 'budget' })
    assert.equal(seen.length, before + 1)
  })

  it('ends a call when its time is over or its signal aborted', async () => {
    answer = () => undefined
    await assert.rejects(client.get(pods, 'a', 'ns', { timeoutMs: 50 }), { name: 'RequestError', code: 'ETIMEDOUT' })
    const reason = new Error('enough')
    await assert.rejects(client.get(pods, 'a', 'ns', { signal: AbortSignal.abort(reason) }), reason)
  })

  it('yields the events of a watch and ends with it', async () => {
    answer = (_, response) => {
      for (const name of ['a', 'b'])
        response.write(`${JSON.stringify({ type: 'ADDED', object: { metadata: { name } } })}\n`)
      response.end()
    }
    assert.deepEqual(await events({ namespace: 'ns', resourceVersion: '7' }), ['ADDED a', 'ADDED b'])
    assert.equal(last()?.url, '/api/v1/namespaces/ns/pods?resourceVersion=7&watch=true')
  })

  it('throws the Status of an ERROR event, and of a watch that is refused', async () => {
    const expired = status(410, 'Expired', 'too old resource version: 7 (100)')
    answer = (_, response) => response.end(`${JSON.stringify({ type: 'ERROR', object: expired })}\n`)
    await assert.rejects(events(), { reason: 'Expired', code: 410 })
    answer = (_, response) => json(response, 403, status(403, 'Forbidden', 'no'))
    await assert.rejects(events(), { reason: 'Forbidden' })
  })

  it('does not take a watch that was cut off for one that ended', async () => {
    answer = (_, response) => {
      response.write('{"type":"ADDED","object":{"metadata":{"na')
      setImmediate(() => response.destroy())
    }
    await assert.rejects(events(), { name: 'RequestError' })
  })

  it('ends a watch with the reason of its signal', async () => {
    answer = (_, response) => response.writeHead(200).flushHeaders()
    const stop = new AbortController()
    const reason = new Error('stopping')
    const next = client.watch(pods, {}, stop.signal).next()
    setTimeout(() => stop.abort(reason), 50)
    await assert.rejects(next, reason)
  })
})

const configOf = (server: Server, ca: CertificatePair, mine: CertificatePair): ClientConfig => ({
  server: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
  insecureSkipTlsVerify: false,
  tlsServerName: undefined,
  ca: () => Buffer.from(ca.certPem),
  cert: () => Buffer.from(mine.certPem),
  key: () => Buffer.from(mine.keyPem),
  token: () => 'secret',
  tlsVersion: () => '',
})
