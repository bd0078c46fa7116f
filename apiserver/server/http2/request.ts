/**
 * An HTTP/2 stream as a request. Node's own compatibility classes put two more streams around each request and cost as
 * much as the request itself; this one only looks at the headers.
 */
import type { ServerHttp2Stream } from 'node:http2'
import type { IncomingHttpHeaders } from 'node:http'
import type { Socket } from 'node:net'
import type { ApiRequest } from '../message.ts'

export interface Http2Head {
  readonly headers: IncomingHttpHeaders
  /** Pseudo-headers included. */
  readonly rawHeaders: readonly string[]
  /** Whether the client said with its headers that there is no body. */
  readonly bodyless: boolean
}

export class Http2Request implements ApiRequest {
  readonly httpVersion = '2.0'
  readonly method: string
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly socket: Socket
  readonly stream: ServerHttp2Stream
  readonly #rawHeaders: readonly string[]
  readonly #bodyless: boolean

  constructor(stream: ServerHttp2Stream, socket: Socket, { headers, rawHeaders, bodyless }: Http2Head) {
    this.stream = stream
    this.socket = socket
    this.headers = headers
    this.method = String(headers[':method'] ?? 'GET')
    this.url = String(headers[':path'] ?? '/')
    this.#rawHeaders = rawHeaders
    this.#bodyless = bodyless
    const authority = headers[':authority']
    if (headers.host === undefined && typeof authority === 'string') headers.host = authority
  }

  get rawHeaders(): readonly string[] {
    return this.#rawHeaders.filter((_, index, all) => !all[index - (index % 2)]?.startsWith(':'))
  }

  get headersDistinct(): NodeJS.Dict<string[]> {
    const distinct = Object.create(null) as NodeJS.Dict<string[]>
    const raw = this.rawHeaders
    for (let index = 0; index + 1 < raw.length; index += 2) {
      const name = (raw[index] ?? '').toLowerCase()
      const values = (distinct[name] ??= [])
      values.push(raw[index + 1] ?? '')
    }
    return distinct
  }

  get complete(): boolean {
    return this.#bodyless || this.stream.readableEnded
  }

  get destroyed(): boolean {
    return this.stream.destroyed
  }

  on(event: 'data', listener: (chunk: Buffer) => void): this {
    this.stream.on(event, listener)
    return this
  }

  once(event: string, listener: (...args: never[]) => void): this {
    this.stream.once(event, listener as () => void)
    return this
  }

  off(event: 'data', listener: (chunk: Buffer) => void): this {
    this.stream.off(event, listener)
    return this
  }

  destroy(): void {
    this.stream.destroy(new Error('the request was broken off'))
  }
}
