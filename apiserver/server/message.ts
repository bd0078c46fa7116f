/**
 * Requests and answers as the chain sees them: what HTTP/1.1 (node's own classes) and HTTP/2 (`http2/`) have in common.
 */
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http'
import type { Socket } from 'node:net'
import type { Readable, Writable } from 'node:stream'

export interface ApiRequest {
  readonly method?: string | undefined
  /** Path and query, as they were sent. */
  readonly url?: string | undefined
  readonly httpVersion: string
  readonly headers: IncomingHttpHeaders
  /** Every header with all its values. */
  readonly headersDistinct: NodeJS.Dict<string[]>
  /** Names and values in turn, in the client's writing. */
  readonly rawHeaders: readonly string[]
  readonly socket: Socket
  /** Whether the body has come to its end. */
  readonly complete: boolean
  readonly destroyed: boolean
  on(event: 'data', listener: (chunk: Buffer) => void): unknown
  once(event: 'end' | 'close', listener: () => void): this
  once(event: 'error', listener: (error: Error) => void): this
  off(event: 'data', listener: (chunk: Buffer) => void): unknown
  /** Reads no more of the body: breaks the connection, or over HTTP/2 the stream. */
  destroy(): unknown
}

export interface ApiResponse {
  statusCode: number
  readonly headersSent: boolean
  /** Whether an HTTP/1.1 connection stays open behind the answer. */
  readonly shouldKeepAlive?: boolean
  /** Whether the client can get no more of it. */
  readonly destroyed: boolean
  readonly writableEnded: boolean
  readonly writableFinished: boolean
  /** Bytes that wait for the client. */
  readonly writableLength: number
  getHeader(name: string): number | string | string[] | undefined
  removeHeader?(name: string): void
  setHeader(name: string, value: string | readonly string[]): unknown
  writeHead(code: number, headers?: OutgoingHttpHeaders): this
  /** Sends the head though no byte of the body is there. */
  flushHeaders(): void
  write(chunk: Buffer | string): boolean
  end(chunk?: Buffer | string): unknown
  cork(): void
  uncork(): void
  /** Breaks off, so that nobody takes the half for the whole. */
  destroy(): unknown
  on(event: 'error', listener: (error: Error) => void): unknown
  on(event: 'close' | 'drain', listener: () => void): unknown
  once(event: 'close' | 'finish', listener: () => void): unknown
  off(event: 'close' | 'drain', listener: () => void): unknown
}

/** The body of a request as a stream, for a pipeline. */
export const bodyOf = (request: ApiRequest): Readable =>
  'stream' in request ? (request.stream as Readable) : (request as unknown as Readable)

/** Where an answer's body goes, for a pipeline; the head must be written. */
export const sinkOf = (response: ApiResponse): Writable => {
  if (!('stream' in response)) return response as unknown as Writable
  response.flushHeaders()
  return response.stream as Writable
}
