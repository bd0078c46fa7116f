/** HTTP/1.1 upgrades on the server's side: negotiation, acceptance and refusal on the bare socket. */
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { STATUS_CODES } from '../node-http.ts'

/** What `server.on('upgrade')` hands over. */
export interface UpgradeRequest {
  readonly request: IncomingMessage
  readonly socket: Duplex
  /** Bytes that came with the request's headers. */
  readonly head: Buffer
}

/** The upgrade is not granted; the client gets an ordinary HTTP answer with this text. */
export class UpgradeRefused extends Error {
  override readonly name = 'UpgradeRefused'
  readonly statusCode: number
  readonly headers: Readonly<Record<string, string>>

  constructor(statusCode: number, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message)
    this.statusCode = statusCode
    this.headers = headers
  }
}

/** Values of a header that is a list, over all its occurrences. */
export const headerList = (value: string | readonly string[] | undefined): string[] =>
  (typeof value === 'string' ? [value] : (value ?? []))
    .flatMap((part) => part.split(','))
    .map((part) => part.trim())
    .filter((part) => part !== '')

/** 'websocket', 'spdy/3.1' …, or undefined if the request asks for no upgrade. In lower case. */
export const requestedUpgrade = (request: Pick<IncomingMessage, 'headers'>): string | undefined => {
  const wants = headerList(request.headers.connection).some((token) => token.toLowerCase() === 'upgrade')
  return wants ? request.headers.upgrade?.toLowerCase() : undefined
}

const headBytes = (statusCode: number, headers: Readonly<Record<string, string>>): string => {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  return `HTTP/1.1 ${statusCode} ${STATUS_CODES[statusCode] ?? ''}\r\n${lines.join('')}\r\n`
}

/** Writes an ordinary answer where an upgrade was asked for, and closes the connection. */
export const answerOnSocket = (
  socket: Duplex,
  statusCode: number,
  headers: Readonly<Record<string, string>>,
  body: string,
): void => {
  if (socket.destroyed || socket.writableEnded) return
  socket.on('error', () => {})
  const length = String(Buffer.byteLength(body))
  socket.end(headBytes(statusCode, { ...headers, 'Content-Length': length, Connection: 'close' }) + body)
  // The client may be sending still; unread bytes would turn the close into a reset that eats the answer.
  socket.resume()
}

/** Answers an error thrown while accepting an upgrade: UpgradeRefused as it says, anything else with 500. */
export const refuseUpgrade = (socket: Duplex, error: unknown): void => {
  const headers = { 'Content-Type': 'text/plain; charset=utf-8' }
  if (error instanceof UpgradeRefused) {
    answerOnSocket(socket, error.statusCode, { ...headers, ...error.headers }, `${error.message}\n`)
  } else answerOnSocket(socket, 500, headers, `${error instanceof Error ? error.message : String(error)}\n`)
}

/** Answers 101 to a SPDY upgrade and gives the connection's bytes, those in `head` included. */
export const acceptSpdyUpgrade = ({ socket, head }: UpgradeRequest, protocol: string): Duplex => {
  socket.write(
    headBytes(101, {
      Connection: 'Upgrade',
      Upgrade: 'SPDY/3.1',
      ...(protocol === '' ? {} : { 'X-Stream-Protocol-Version': protocol }),
    }),
  )
  if (head.length > 0) socket.unshift(head)
  return socket
}

/**
 * Chooses the first of the client's protocols (X-Stream-Protocol-Version) that the server has. A client that names
 * none gets `fallback`. Refuses with 403 and the server's list, as upstream's httpstream.Handshake does.
 */
export const negotiateStreamProtocol = (
  request: IncomingMessage,
  supported: readonly string[],
  fallback: string,
): string => {
  const offered = headerList(request.headers['x-stream-protocol-version'])
  if (offered.length === 0) return fallback
  const chosen = offered.find((protocol) => supported.includes(protocol))
  if (chosen === undefined) {
    throw new UpgradeRefused(
      403,
      `unable to upgrade: unable to negotiate protocol: client supports [${offered.join(' ')}], server accepts [${supported.join(' ')}]`,
      { 'X-Accepted-Stream-Protocol-Versions': supported.join(', ') },
    )
  }
  return chosen
}
