/** What is no HTTP/1.1 request is answered as Go's net/http answers it, and its connection closed. */
import type { Socket } from 'node:net'

const lines: ReadonlyMap<string, string> = new Map([
  ['HPE_HEADER_OVERFLOW', '431 Request Header Fields Too Large'],
  ['HPE_INVALID_VERSION', '505 HTTP Version Not Supported'],
])

/** Clients that are slow to say what they want get no answer: upstream closes too. */
const isTimeout = (code: string | undefined): boolean =>
  code === 'ERR_HTTP_REQUEST_TIMEOUT' || code === 'ECONNRESET' || code === undefined

export const answerClientError = ({ code }: NodeJS.ErrnoException, socket: Socket): void => {
  if (isTimeout(code) || !socket.writable || socket.bytesWritten > 0) {
    socket.destroy()
    return
  }
  const line = lines.get(code ?? '') ?? '400 Bad Request'
  socket.end(`HTTP/1.1 ${line}\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n${line}`)
}
