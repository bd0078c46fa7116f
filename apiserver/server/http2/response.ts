/** An HTTP/2 stream as an answer: the part of node's ServerResponse that the server uses. */
import type { OutgoingHttpHeaders } from 'node:http'
import type { ServerHttp2Stream } from 'node:http2'
import type { ApiResponse } from '../message.ts'

/** Answers that have a head alone. */
const codesWithoutBody: ReadonlySet<number> = new Set([204, 304])

export class Http2Response implements ApiResponse {
  statusCode = 200
  readonly stream: ServerHttp2Stream
  readonly #isHead: boolean
  readonly #headers: OutgoingHttpHeaders = {}
  #state: 'open' | 'headWritten' | 'headSent' = 'open'
  #ended = false

  constructor(stream: ServerHttp2Stream, method: string) {
    this.stream = stream
    this.#isHead = method === 'HEAD'
  }

  get headersSent(): boolean {
    return this.#state !== 'open'
  }

  get destroyed(): boolean {
    return this.stream.destroyed || this.stream.closed
  }

  get writableEnded(): boolean {
    // Node ends the stream of a HEAD request itself before it is answered.
    return this.#ended || (this.stream.writableEnded && !this.#isHead)
  }

  get writableFinished(): boolean {
    return this.stream.writableFinished
  }

  get writableLength(): number {
    return this.stream.writableLength
  }

  getHeader(name: string): number | string | string[] | undefined {
    return this.#headers[name.toLowerCase()]
  }

  setHeader(name: string, value: string | readonly string[]): void {
    this.#headers[name.toLowerCase()] = typeof value === 'string' ? value : [...value]
  }

  writeHead(code: number, headers: OutgoingHttpHeaders = {}): this {
    if (this.#state !== 'open') throw new Error('the head is written already')
    this.statusCode = code
    for (const name of Object.keys(headers)) this.#headers[name.toLowerCase()] = headers[name]
    this.#state = 'headWritten'
    return this
  }

  flushHeaders(): void {
    this.#sendHead(false)
  }

  write(chunk: Buffer | string): boolean {
    this.#sendHead(false)
    if (this.#bodyless || this.destroyed) return true
    return this.stream.write(chunk)
  }

  end(chunk?: Buffer | string): void {
    if (this.#ended) return
    this.#ended = true
    this.#sendHead(chunk === undefined || chunk.length === 0)
    if (this.destroyed || this.stream.writableEnded) return
    if (chunk === undefined || this.#bodyless) this.stream.end()
    else this.stream.end(chunk)
  }

  cork(): void {
    this.stream.cork()
  }

  uncork(): void {
    this.stream.uncork()
  }

  destroy(): void {
    // With an error: close() would end the body first, and the half would look like a whole.
    if (!this.destroyed) this.stream.destroy(new Error('the answer was broken off'))
  }

  on(event: string, listener: (...args: never[]) => void): this {
    this.stream.on(event, listener as () => void)
    return this
  }

  once(event: string, listener: (...args: never[]) => void): this {
    this.stream.once(event, listener as () => void)
    return this
  }

  off(event: string, listener: (...args: never[]) => void): this {
    this.stream.off(event, listener as () => void)
    return this
  }

  get #bodyless(): boolean {
    return this.#isHead || codesWithoutBody.has(this.statusCode)
  }

  /** With `endStream` the head says that nothing follows: a frame less. */
  #sendHead(endStream: boolean): void {
    if (this.#state === 'headSent') return
    this.#state = 'headSent'
    if (this.destroyed) return
    this.#headers[':status'] = this.statusCode
    const closes = this.#headers['connection'] === 'close'
    delete this.#headers['connection']
    this.stream.respond(this.#headers, { endStream: endStream || this.#bodyless })
    // There is no such header in HTTP/2: it says GOAWAY, and closes when the last stream is over.
    if (closes) this.stream.session?.close()
  }
}
