/**
 * Upgrades (WebSocket, SPDY) sent on to a backend; after its 101 the bytes go through untouched, both ways.
 * A backend that does not upgrade gets no further byte of the client: its answer is passed on and the connection
 * closed, or the client could talk to the backend past our authorization (CVE-2018-1002105).
 */
import { once } from 'node:events'
import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http'
import { type Duplex, finished } from 'node:stream'
import { STATUS_CODES } from '../../component-base/node-http.ts'
import { StatusError } from '../../api/meta/status-error.ts'
import { type Backend, dialErrorText, openRequest } from './backend.ts'
import type { UpgradeContext, UpgradeSocket } from './context.ts'
import { responseHeaders, upgradeHeaders } from './forwarded-headers.ts'

const statusLine = (response: IncomingMessage): string => {
  const code = response.statusCode ?? 502
  return `HTTP/1.1 ${code} ${response.statusMessage ?? STATUS_CODES[code] ?? ''}\r\n`
}

const headLines = (pairs: readonly (readonly [string, string])[]): string =>
  pairs.map(([name, value]) => `${name}: ${value}\r\n`).join('')

const rawPairs = (response: IncomingMessage): [string, string][] =>
  response.rawHeaders.flatMap((name, index, all) =>
    index % 2 === 0 ? [[name, all[index + 1] ?? ''] satisfies [string, string]] : [],
  )

/** A failure before the connection stood, or while its answer was awaited. */
const failure = (error: unknown, backend: Backend): StatusError => {
  if (error instanceof StatusError) return error
  const hungUp = error instanceof Error && (error as NodeJS.ErrnoException).code === 'ECONNRESET'
  const message = hungUp ? 'unexpected EOF' : `error dialing backend: ${dialErrorText(error, backend)}`
  return new StatusError('', message, { code: 500, cause: error })
}

/** `more` are headers beside the client's. Rejects with StatusError if the backend cannot be reached; resolves when the connection stands or is refused. */
export const proxyUpgrade = async (
  ctx: Pick<UpgradeContext, 'request' | 'method'>,
  client: UpgradeSocket,
  backend: Backend,
  more: OutgoingHttpHeaders = {},
): Promise<void> => {
  const { socket, head } = client
  const gone = new AbortController()
  const abort = (): void => gone.abort(new Error('the client closed the connection'))
  socket.once('close', abort)
  const request = openRequest(backend, ctx.method, { ...upgradeHeaders(ctx.request), ...more }, gone.signal)
  request.end()
  const answer = new AbortController()
  try {
    await Promise.race([
      once(request, 'upgrade', { signal: answer.signal }).then(([response, backendSocket, backendHead]) =>
        joinSockets({ socket, head }, response as IncomingMessage, {
          socket: backendSocket as Duplex,
          head: backendHead as Buffer,
        }),
      ),
      once(request, 'response', { signal: answer.signal }).then(([response]) =>
        passRefusal(socket, response as IncomingMessage),
      ),
    ])
  } catch (error) {
    throw failure(error, backend)
  } finally {
    socket.off('close', abort)
    answer.abort()
  }
}

const joinSockets = (client: UpgradeSocket, response: IncomingMessage, backend: UpgradeSocket): void => {
  // Who has said all may still listen.
  client.socket.allowHalfOpen = true
  backend.socket.allowHalfOpen = true
  client.socket.write(`${statusLine(response)}${headLines(rawPairs(response))}\r\n`)
  if (backend.head.length > 0) client.socket.write(backend.head)
  if (client.head.length > 0) backend.socket.write(client.head)
  client.socket.pipe(backend.socket)
  backend.socket.pipe(client.socket)
  for (const [one, other] of [
    [client.socket, backend.socket],
    [backend.socket, client.socket],
  ] as const) {
    one.on('error', () => {})
    // A clean end is passed on by pipe(), after what is still under way; anything else cuts both.
    finished(one, (error) => {
      if (error) other.destroy()
    })
  }
}

const passRefusal = (socket: Duplex, response: IncomingMessage): void => {
  const code = response.statusCode ?? 0
  if (code < 400) {
    response.destroy()
    throw new StatusError('', `invalid upgrade response: status code ${code}`, { code: 500 })
  }
  const headers = Object.entries(responseHeaders(response)).flatMap(([name, value]) =>
    [value ?? []].flat().map((one) => [name, String(one)] as const),
  )
  socket.write(`${statusLine(response)}${headLines([...headers, ['Connection', 'close']])}\r\n`)
  // The body ends with the connection, so that it needs no length.
  response.pipe(socket)
  response.on('error', () => socket.destroy())
  // The rest of a refusal that nobody hears.
  socket.once('close', () => response.destroy())
  socket.resume()
}
