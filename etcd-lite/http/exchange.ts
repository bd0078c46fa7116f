/** One HTTP request with its answer, the same for HTTP/1.1 and HTTP/2. */
import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import type { ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import type { Readable, Writable } from 'node:stream'
import { TLSSocket } from 'node:tls'

interface Parts {
  readonly method: string
  /** Path and query. */
  readonly target: string
  /** The Host header, or HTTP/2's authority. */
  readonly host: string
  readonly headers: IncomingHttpHeaders
  readonly socket: Socket | undefined
  readonly body: Readable
  readonly answer: Writable
  readonly writeHead: (status: number, headers: OutgoingHttpHeaders) => void
}

export class HttpExchange {
  readonly method: string
  readonly target: string
  readonly host: string
  readonly headers: IncomingHttpHeaders
  readonly body: Readable
  readonly #parts: Parts
  readonly #common: OutgoingHttpHeaders = {}
  #state: 'waiting' | 'responding' | 'ended' = 'waiting'

  constructor(parts: Parts) {
    this.#parts = parts
    this.method = parts.method
    this.target = parts.target
    this.host = parts.host
    this.headers = parts.headers
    this.body = parts.body
    parts.answer.on('error', () => {}) // a client that went away: 'close' follows
    parts.body.on('error', () => {})
  }

  /** Whether it came over TLS. */
  get secure(): boolean {
    return this.#parts.socket instanceof TLSSocket
  }

  /** Common name of the client's verified certificate; '' without one. */
  get clientCommonName(): string {
    const { socket } = this.#parts
    if (!(socket instanceof TLSSocket) || !socket.authorized) return ''
    const { subject } = socket.getPeerCertificate() as { subject?: { CN?: string } }
    return subject?.CN ?? ''
  }

  get responded(): boolean {
    return this.#state !== 'waiting'
  }

  /** Bytes written and not yet taken by the connection. */
  get bufferedBytes(): number {
    return this.#parts.answer.writableLength
  }

  /** A header of the answer, whatever it will be. */
  setHeader(name: string, value: string): void {
    this.#common[name] = value
  }

  respond(status: number, headers: OutgoingHttpHeaders): void {
    if (this.#state !== 'waiting' || this.#parts.answer.destroyed) return
    this.#state = 'responding'
    this.#parts.writeHead(status, { ...this.#common, ...headers })
  }

  write(chunk: string | Uint8Array): void {
    if (this.#state === 'responding' && !this.#parts.answer.destroyed) this.#parts.answer.write(chunk)
  }

  end(chunk?: string | Uint8Array): void {
    if (this.#state !== 'responding' || this.#parts.answer.destroyed) return
    this.#state = 'ended'
    if (chunk === undefined || this.method === 'HEAD') this.#parts.answer.end()
    else this.#parts.answer.end(chunk)
    // What is left of the request is thrown away, so that the connection can serve the next one.
    if (!this.body.readableEnded) this.body.resume()
  }

  /** The whole of an answer. */
  send(status: number, headers: OutgoingHttpHeaders, text: string): void {
    this.respond(status, { ...headers, 'content-length': Buffer.byteLength(text) })
    this.end(text)
  }

  /** Resolves when everything written has been taken by the connection, or the client is gone. */
  drained(): Promise<void> {
    const { answer } = this.#parts
    if (answer.destroyed || answer.writableLength === 0) return Promise.resolve()
    return new Promise((resolve) => {
      const done = (): void => {
        answer.off('drain', done)
        answer.off('close', done)
        resolve()
      }
      answer.on('drain', done)
      answer.on('close', done)
      answer.write('', done) // 'drain' comes only after a write that was refused
    })
  }

  /** Calls `listener` when the client went away before the answer was complete. */
  onAbandoned(listener: () => void): void {
    this.#parts.answer.once('close', () => {
      if (this.#state !== 'ended') listener()
    })
  }
}

export const http1Exchange = (request: IncomingMessage, response: ServerResponse): HttpExchange =>
  new HttpExchange({
    method: request.method ?? 'GET',
    target: request.url ?? '/',
    host: request.headers.host ?? '',
    headers: request.headers,
    socket: request.socket,
    body: request,
    answer: response,
    writeHead: (status, headers) => response.writeHead(status, headers),
  })

export const http2Exchange = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders): HttpExchange =>
  new HttpExchange({
    method: String(headers[':method'] ?? 'GET'),
    target: String(headers[':path'] ?? '/'),
    host: String(headers[':authority'] ?? headers.host ?? ''),
    headers,
    socket: stream.session?.socket,
    body: stream,
    answer: stream,
    writeHead: (status, answerHeaders) => stream.respond({ ':status': status, ...answerHeaders }),
  })

/** As Go's http.Error writes it. */
export const sendPlainError = (exchange: HttpExchange, status: number, text: string): void =>
  exchange.send(
    status,
    { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' },
    `${text}\n`,
  )
