/** The small words of the kubelet's HTTP API: a request, an answer, an error. It answers in plain text. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { StatusError } from '../../api/meta/status-error.ts'

/** Becomes an answer with this code and text. Anything else that is thrown becomes 500 with its message. */
export class HttpError extends Error {
  override readonly name = 'HttpError'
  readonly statusCode: number

  constructor(statusCode: number, message: string) {
    super(message)
    this.statusCode = statusCode
  }
}

export interface KubeletRequest {
  readonly request: IncomingMessage
  /** Decoded parts of the path: `/exec/ns/pod/c` is ['exec', 'ns', 'pod', 'c']. */
  readonly segments: readonly string[]
  readonly path: string
  readonly query: URLSearchParams
}

/** Throws HttpError (400) on a path that is not percent-encoded well. */
export const parseRequest = (request: IncomingMessage): KubeletRequest => {
  const target = request.url ?? '/'
  const mark = target.indexOf('?')
  const path = mark < 0 ? target : target.slice(0, mark)
  try {
    const segments = path
      .split('/')
      .filter((part) => part !== '')
      .map(decodeURIComponent)
    return { request, path, segments, query: new URLSearchParams(mark < 0 ? '' : target.slice(mark + 1)) }
  } catch {
    throw new HttpError(400, 'malformed path')
  }
}

export const sendText = (response: ServerResponse, statusCode: number, text: string): void => {
  response.writeHead(statusCode, {
    'Content-Type': 'text/plain; charset=utf-8',
    'X-Content-Type-Options': 'nosniff',
    'Content-Length': Buffer.byteLength(text),
  })
  response.end(text)
}

export const sendJson = (response: ServerResponse, value: unknown): void => {
  const text = JSON.stringify(value)
  response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) })
  response.end(text)
}

/** Answers what a handler threw; breaks the connection if half of an answer is out already. */
export const sendError = (response: ServerResponse, error: unknown): void => {
  if (response.headersSent) {
    response.destroy()
    return
  }
  const statusCode = error instanceof HttpError ? error.statusCode : error instanceof StatusError ? error.code : 500
  sendText(response, statusCode, error instanceof Error ? error.message : String(error))
}
