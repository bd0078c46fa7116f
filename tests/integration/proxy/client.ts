/** A client that hides nothing: raw headers, bytes, trailers, and bare sockets for upgrades. */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { ClientRequest, IncomingMessage, OutgoingHttpHeaders } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { Readable } from 'node:stream'
import { connect, type TLSSocket } from 'node:tls'
import type { Status } from '../../../api/meta/status-error.ts'
import type { TestCluster } from '../../harness/cluster.ts'
import type { Seen } from './backend.ts'

export interface Asked {
  readonly method?: string
  readonly headers?: OutgoingHttpHeaders
  readonly body?: Buffer | string | Readable
}

export interface Got {
  readonly code: number
  readonly headers: IncomingMessage['headers']
  readonly rawHeaders: readonly string[]
  readonly trailers: IncomingMessage['trailers']
  readonly body: Buffer
  readonly text: string
  /** The body, seen as an error. */
  readonly status: Status
  /** The body, seen as what a backend told of the request. */
  readonly seen: Seen
}

export interface ProxyClient {
  /** `host:port` of the API server. */
  readonly host: string
  readonly ask: (path: string, asked?: Asked) => Promise<Got>
  /** The same with the answer as a stream. */
  readonly open: (path: string, asked?: Asked) => Promise<{ request: ClientRequest; response: IncomingMessage }>
  /** A connection on which nothing has been said. */
  readonly dial: () => Promise<TLSSocket>
}

/** Requests of the administrator, a connection each. */
export const createProxyClient = ({ server, layout }: TestCluster): ProxyClient => {
  const read = (name: string): string => readFileSync(join(layout.pki, name), 'utf8')
  const identity = { ca: read('ca.crt'), cert: read('admin.crt'), key: read('admin.key') }
  const { host, hostname, port } = new URL(server)
  const open: ProxyClient['open'] = async (path, { method = 'GET', headers = {}, body } = {}) => {
    const request = httpsRequest({ hostname, port, path, method, headers, agent: false, ...identity })
    const answered = once(request, 'response') as Promise<[IncomingMessage]>
    if (body === undefined || typeof body === 'string' || Buffer.isBuffer(body)) request.end(body)
    else pipeline(body, request).catch(() => {})
    return { request, response: (await answered)[0] }
  }
  const ask: ProxyClient['ask'] = async (path, asked) => {
    const { response } = await open(path, asked)
    const chunks: Buffer[] = []
    for await (const chunk of response) chunks.push(chunk as Buffer)
    const body = Buffer.concat(chunks)
    const text = body.toString()
    const json = text.startsWith('{') ? (JSON.parse(text) as unknown) : {}
    const { statusCode: code = 0, headers, rawHeaders, trailers } = response
    return { code, headers, rawHeaders, trailers, body, text, status: json as Status, seen: json as Seen }
  }
  const dial: ProxyClient['dial'] = async () => {
    const socket = connect({ host: hostname, port: Number(port), ...identity, ALPNProtocols: ['http/1.1'] })
    socket.on('error', () => {})
    await once(socket, 'secureConnect')
    return socket
  }
  return { host, ask, open, dial }
}

/** All that a socket sends until it ends, or until there are `enough` bytes. */
export const readSocket = async (socket: Readable, enough = Infinity): Promise<Buffer> => {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
    chunks.push(chunk as Buffer)
    size += (chunk as Buffer).length
    if (size >= enough) break
  }
  return Buffer.concat(chunks)
}
