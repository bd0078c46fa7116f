/** HTTP/2 to the API server: node's client for what clients do, bare frames for what they should not do. */
import { readFileSync } from 'node:fs'
import http2, { type ClientHttp2Session, type ClientHttp2Stream, type OutgoingHttpHeaders } from 'node:http2'
import { join } from 'node:path'
import { connect, type TLSSocket } from 'node:tls'
import { type Credentials, pkiCredentials } from './http.ts'
import type { TestCluster } from './cluster.ts'

export interface Http2Answer {
  readonly code: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly bytes: Buffer
  readonly text: string
}

export interface Http2Call {
  readonly method?: string
  readonly headers?: OutgoingHttpHeaders
  readonly body?: string | Buffer
}

export interface Http2Client extends AsyncDisposable {
  readonly session: ClientHttp2Session
  /** Rejects when the stream is reset. */
  readonly call: (path: string, call?: Http2Call) => Promise<Http2Answer>
  /** A request without a body whose answer the caller reads. */
  readonly open: (path: string, headers?: OutgoingHttpHeaders) => ClientHttp2Stream
}

interface Identity extends Credentials {
  readonly ca: string
}

const adminOf = (cluster: TestCluster): Identity => ({
  ...pkiCredentials(cluster, 'admin'),
  ca: readFileSync(join(cluster.layout.pki, 'ca.crt'), 'utf8'),
})

const answerTo = (stream: ClientHttp2Stream): Promise<Http2Answer> =>
  new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let headers: Http2Answer['headers'] = {}
    stream.on('response', (answered) => {
      headers = answered
    })
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    stream.on('error', reject)
    stream.on('close', () => {
      const code = Number(headers[':status'] ?? 0)
      if (code === 0) reject(new Error(`no answer: stream closed with ${stream.rstCode}`))
      const bytes = Buffer.concat(chunks)
      resolve({ code, headers, bytes, text: bytes.toString('utf8') })
    })
  })

/** One connection of the cluster's admin. */
export const createHttp2 = async (
  cluster: TestCluster,
  options: http2.SecureClientSessionOptions = {},
): Promise<Http2Client> => {
  const session = http2.connect(cluster.server, { ...adminOf(cluster), ...options })
  session.on('error', () => undefined)
  await new Promise<void>((resolve, reject) => {
    session.once('remoteSettings', () => resolve())
    session.once('error', reject)
  })
  return {
    session,
    open: (path, headers = {}) => session.request({ ':path': path, ...headers }),
    call: (path, { method = 'GET', headers = {}, body } = {}) => {
      const head = { ':method': method, ':path': path, 'content-type': 'application/json', ...headers }
      const stream = session.request(head, { endStream: body === undefined })
      if (body !== undefined) stream.end(body)
      return answerTo(stream)
    },
    [Symbol.asyncDispose]: async () => {
      if (session.destroyed) return
      await new Promise<void>((resolve) => {
        session.once('close', () => resolve())
        session.destroy()
      })
    },
  }
}

export const frameTypes = { headers: 1, rstStream: 3, settings: 4, ping: 6, goaway: 7, continuation: 9 } as const

export const frame = (type: number, flags: number, stream: number, payload: Buffer = Buffer.alloc(0)): Buffer => {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')

/** A connection that has said hello and gets what it is told to send. */
export const openRawHttp2 = async (cluster: TestCluster): Promise<TLSSocket> => {
  const { hostname, port } = new URL(cluster.server)
  const socket = connect({ host: hostname, port: Number(port), ...adminOf(cluster), ALPNProtocols: ['h2'] })
  socket.on('error', () => undefined)
  await new Promise<void>((resolve, reject) => {
    socket.once('secureConnect', () => resolve())
    socket.once('error', reject)
  })
  // The server's SETTINGS come first; they may be acknowledged when they are there.
  socket.write(Buffer.concat([preface, frame(frameTypes.settings, 0, 0)]))
  await new Promise<void>((resolve) => socket.once('readable', () => resolve()))
  socket.write(frame(frameTypes.settings, 1, 0))
  return socket
}
