/** What is no HTTP/1.1 request is answered as Go's net/http answers it, and its connection closed. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** A version that could be one. */
const wellFormedVersion = /^\S+ \S+ HTTP\/\d\.\d\r?$/m

interface ClientError extends NodeJS.ErrnoException {
  /** What the parser was given. */
  readonly rawPacket?: unknown
}

const lineOf = ({ code, rawPacket }: ClientError): string => {
  if (code === 'HPE_HEADER_OVERFLOW') return '431 Request Header Fields Too Large'
  const text = Buffer.isBuffer(rawPacket) ? rawPacket.toString('latin1') : ''
  if (code === 'HPE_INVALID_VERSION' && wellFormedVersion.test(text)) {
    return '505 HTTP Version Not Supported: unsupported protocol version'
  }
  return '400 Bad Request'
}

/** Clients that are slow to say what they want get no answer: upstream closes too. */
const isTimeout = (code: string | undefined): boolean =>
  code === 'ERR_HTTP_REQUEST_TIMEOUT' ||
  // An answer would wait for the end of a handshake that does not come.
  code === 'ERR_TLS_HANDSHAKE_TIMEOUT' ||
  code === 'ECONNRESET' ||
  code === undefined

export const answerClientError = (error: ClientError, socket: Socket): void => {
  if (isTimeout(error.code) || !socket.writable || socket.bytesWritten > 0) {
    socket.destroy()
    return
  }
  const line = lineOf(error)
  socket.end(`HTTP/1.1 ${line}\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n${line}`)
}

/** True if it is unclear to whom the request is addressed: whoever is in front of us may have read another name. */
export const hasManyHosts = ({ rawHeaders }: IncomingMessage): boolean => {
  let hosts = 0
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? ''
    if (name.length === 4 && name.toLowerCase() === 'host') hosts++
  }
  return hosts > 1
}

export const refuseManyHosts = (response: ServerResponse): void => {
  const line = '400 Bad Request: too many Host headers'
  response.shouldKeepAlive = false
  response.writeHead(400, line.slice('400 '.length), {
    'Content-Type': 'text/plain; charset=utf-8',
    Connection: 'close',
  })
  response.end(line)
}
