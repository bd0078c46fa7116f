/** Clients that are slow, or say nothing: each is closed in time, and none of them keeps others waiting. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request as httpsRequest } from 'node:https'
import { connect as connectTcp, type Socket } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { connect } from 'node:tls'
import { createLogger } from '../../component-base/logging/logger.ts'
import { selfSignedServingCert } from '../../component-base/tls/self-signed.ts'
import { readBody } from './body.ts'
import { sendText } from './respond.ts'
import { createServer } from './server.ts'

const timeouts = { idleMs: 300, headersMs: 400, checkMs: 50 }
/** What a busy machine may add. */
const slackMs = 3_000

let port = 0
let stop: (() => Promise<void>) | undefined

before(async () => {
  const { certPem, keyPem } = await selfSignedServingCert(['localhost'])
  const server = createServer({
    tls: { cert: certPem, key: keyPem, ca: [], settings: { minVersion: 'TLSv1.2' } },
    log: createLogger('test'),
    maxStreams: 100,
    drainTimeoutMs: 100,
    handle: async (ctx) => {
      const body = ctx.method === 'POST' ? await readBody(ctx.request) : Buffer.from('hello')
      sendText(ctx, 200, body.toString())
    },
    handleUpgrade: async () => {},
    timeouts,
  })
  port = await server.listen('127.0.0.1', 0)
  stop = server.close
})
after(async () => {
  await stop?.()
})

const get = (): Promise<number> =>
  new Promise((resolve, reject) => {
    httpsRequest({ host: '127.0.0.1', port, agent: false, rejectUnauthorized: false }, (response) => {
      response.resume().on('end', () => resolve(response.statusCode ?? 0))
    })
      .on('error', reject)
      .end()
  })

const openTls = async (protocol = 'http/1.1'): Promise<Socket> => {
  const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ALPNProtocols: [protocol] })
  socket.on('error', () => {})
  await once(socket, 'secureConnect')
  return socket
}

/** Milliseconds until the server closes the connection. */
const closedAfter = async (socket: Socket): Promise<number> => {
  const started = performance.now()
  socket.resume()
  if (!socket.destroyed) await once(socket, 'close')
  return performance.now() - started
}

const assertClosed = async (socket: Socket, timeoutMs: number): Promise<void> => {
  const took = await closedAfter(socket)
  assert.ok(took >= timeoutMs - 100 && took < timeoutMs + slackMs, `closed after ${took} ms`)
}

/** A byte of `text` every so often, until the connection is closed. */
const trickle = (socket: Socket, text: string, everyMs: number): void => {
  let at = 0
  const timer = setInterval(() => {
    if (socket.destroyed) clearInterval(timer)
    else socket.write(text[at++ % text.length] ?? '')
  }, everyMs)
  socket.once('close', () => clearInterval(timer))
}

describe('a connection', () => {
  it('whose client makes no handshake is closed', async () => {
    const socket = connectTcp(port, '127.0.0.1')
    socket.on('error', () => {})
    await once(socket, 'connect')
    await assertClosed(socket, timeouts.headersMs)
  })

  it('whose client asks for nothing is closed', async () => {
    await assertClosed(await openTls(), timeouts.headersMs)
  })

  it('whose client sends its headers byte by byte is closed', async () => {
    const socket = await openTls()
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n')
    trickle(socket, 'X-Header: a lot of nothing\r\n', 20)
    await assertClosed(socket, timeouts.headersMs)
  })

  it('is closed some time after its last request', async () => {
    const socket = await openTls()
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    const [answer] = (await once(socket, 'data')) as [Buffer]
    assert.match(answer.toString('latin1'), /^HTTP\/1\.1 200 /)
    await assertClosed(socket, timeouts.idleMs)
  })

  it('of HTTP/2 without a stream is closed', async () => {
    const socket = await openTls('h2')
    socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
    socket.write(Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]))
    await assertClosed(socket, timeouts.idleMs)
  })

  it('is served beside many others whose clients are slow', async () => {
    const slow: Socket[] = []
    for (let batch = 0; batch < 5; batch++) {
      slow.push(...(await Promise.all(Array.from({ length: 10 }, () => openTls()))))
    }
    for (const socket of slow) if (!socket.destroyed) socket.write('GET / HTTP/1.1\r\nHo')
    try {
      const codes = await Promise.all(Array.from({ length: 10 }, get))
      assert.deepEqual(new Set(codes), new Set([200]))
      await Promise.all(slow.filter(({ destroyed }) => !destroyed).map(closedAfter))
    } finally {
      for (const socket of slow) socket.destroy()
    }
    assert.equal(await get(), 200)
  })
})
