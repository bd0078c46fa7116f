import assert from 'node:assert/strict'
import { once } from 'node:events'
import http2 from 'node:http2'
import type { AddressInfo } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { createServer, type Server } from 'node:tls'
import { createLogger } from '../../../component-base/logging/logger.ts'
import { selfSignedServingCert } from '../../../component-base/tls/self-signed.ts'
import { serveHttp2 } from './connection.ts'
import type { Http2Request } from './request.ts'
import type { Http2Response } from './response.ts'

type OnRequest = (request: Http2Request, response: Http2Response) => void

/** Short enough to wait for, and shorter than any request of these tests may take. */
const idleTimeoutMs = 100

let server: Server
let onRequest: OnRequest = () => undefined

before(async () => {
  const { certPem, keyPem } = await selfSignedServingCert()
  server = createServer({ cert: certPem, key: keyPem, ALPNProtocols: ['h2'] }, (socket) => {
    serveHttp2(socket, {
      log: createLogger('test'),
      maxStreams: 10,
      idleTimeoutMs,
      onRequest: (request, response) => onRequest(request, response),
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
})
after(() => {
  server.close()
})

const connect = (): http2.ClientHttp2Session => {
  const { port } = server.address() as AddressInfo
  return http2.connect(`https://localhost:${port}`, { rejectUnauthorized: false })
}

describe('an HTTP/2 connection', () => {
  it('is closed in order when no request comes', async () => {
    const session = connect()
    const [code] = (await once(session, 'goaway')) as [number]
    assert.equal(code, http2.constants.NGHTTP2_NO_ERROR)
    await once(session, 'close')
  })

  it('stays as long as a request is open, and is closed after the last one', async () => {
    const answers: Http2Response[] = []
    const asked = Promise.withResolvers<void>()
    onRequest = (_request, response) => {
      answers.push(response)
      asked.resolve()
    }
    const session = connect()
    let closed = false
    const closing = once(session, 'close').then(() => {
      closed = true
    })
    const stream = session.request({ ':path': '/slow' }).resume()
    await asked.promise
    // A connection without a request, begun later, is closed before this one is.
    await once(connect(), 'close')
    assert.equal(closed, false)
    answers[0]?.writeHead(204).end()
    const [headers] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders]
    assert.equal(headers[':status'], 204)
    await closing
  })

  it('gives a request as HTTP/1.1 would: host, all values of a header, no pseudo-headers', async () => {
    const seen = Promise.withResolvers<Http2Request>()
    onRequest = (request, response) => {
      seen.resolve(request)
      response.setHeader('Warning', ['one', 'two'])
      response.writeHead(200, { 'Content-Type': 'text/plain', Connection: 'close' })
      response.end('done')
    }
    const session = connect()
    const stream = session.request({ ':method': 'DELETE', ':path': '/a?b=c', 'x-many': ['1', '2'] })
    const [headers] = (await once(stream.resume(), 'response')) as [http2.IncomingHttpHeaders]
    const request = await seen.promise
    assert.equal(request.method, 'DELETE')
    assert.equal(request.url, '/a?b=c')
    assert.match(request.headers.host ?? '', /^localhost:\d+$/)
    assert.deepEqual(request.headersDistinct['x-many'], ['1', '2'])
    assert.ok(request.rawHeaders.every((text) => !text.startsWith(':')))
    assert.equal(request.complete, true)
    assert.equal(headers['warning'], 'one, two')
    assert.equal(headers['connection'], undefined)
    // That header means GOAWAY here.
    await once(session, 'close')
  })

  it('resets the stream of an answer that is broken off', async () => {
    onRequest = (_request, response) => {
      response.writeHead(200)
      response.write('half')
      response.destroy()
      assert.equal(response.destroyed, true)
      assert.equal(response.writableFinished, false)
    }
    const session = connect()
    const stream = session.request({ ':path': '/' }).resume()
    const [error] = (await once(stream, 'error')) as [NodeJS.ErrnoException]
    assert.equal(error.code, 'ERR_HTTP2_STREAM_ERROR')
    assert.equal(stream.rstCode, http2.constants.NGHTTP2_INTERNAL_ERROR)
    session.destroy()
  })
})
