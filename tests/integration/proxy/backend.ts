/** What proxies lead to: HTTP servers of the test's own. */
import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer, type Server as TlsServer, type ServerOptions } from 'node:https'
import { type AddressInfo, type Socket } from 'node:net'

/** What a backend saw of a request. */
export interface Seen {
  readonly method: string
  /** Path and query. */
  readonly url: string
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly rawHeaders: readonly string[]
  readonly bytes: number
  readonly sha256: string
  /** Common name of the client's certificate. */
  readonly client: string
  readonly tls: boolean
}

export type Answer = (request: IncomingMessage, response: ServerResponse) => void

export interface Backend extends AsyncDisposable {
  readonly host: string
  readonly port: number
  readonly server: Server | TlsServer
  /** Answers of paths; any other path tells what was seen, as JSON. */
  readonly answers: Map<string, Answer>
}

export const sha256 = (bytes: Buffer | string): string => createHash('sha256').update(bytes).digest('hex')

const clientOf = (request: IncomingMessage): string => {
  const { socket } = request as { socket: { getPeerCertificate?: () => { subject?: { CN?: string } } } }
  return socket.getPeerCertificate?.().subject?.CN ?? ''
}

const tellSeen = (request: IncomingMessage, response: ServerResponse): void => {
  const hash = createHash('sha256')
  let bytes = 0
  request.on('data', (chunk: Buffer) => {
    hash.update(chunk)
    bytes += chunk.length
  })
  request.on('end', () => {
    const { method = '', url = '', headers, rawHeaders } = request
    const tls = 'encrypted' in request.socket
    const seen: Seen = {
      method,
      url,
      headers,
      rawHeaders,
      bytes,
      sha256: hash.digest('hex'),
      client: clientOf(request),
      tls,
    }
    response.writeHead(200, { 'Content-Type': 'application/json', 'X-Seen': `${method} ${url}` })
    response.end(JSON.stringify(seen))
  })
}

/** Starts a server; with `tls` it speaks HTTPS. */
export const startBackend = async (host: string, tls?: ServerOptions): Promise<Backend> => {
  const answers = new Map<string, Answer>()
  const answer: Answer = (request, response) => {
    const path = (request.url ?? '').split('?')[0] ?? ''
    ;(answers.get(path) ?? tellSeen)(request, response)
  }
  const server = tls === undefined ? createServer(answer) : createTlsServer(tls, answer)
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    socket.on('error', () => {})
  })
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, host, () => resolve()))
  return {
    host,
    port: (server.address() as AddressInfo).port,
    server,
    answers,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const socket of sockets) socket.destroy()
      }),
  }
}
