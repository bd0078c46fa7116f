/**
 * Port-forward over SPDY: each forwarded connection is a pair of streams, `data` and `error`, that have the same
 * `requestID` header. Also serves the SPDY that kubectl from 1.31 sends inside a WebSocket.
 */
import type { Duplex } from 'node:stream'
import { realClock } from '../../clock.ts'
import { SpdyConnection } from '../spdy/spdy-connection.ts'
import type { SpdyStream } from '../spdy/spdy-stream.ts'
import { parsePort, type PortForwardHandlers } from './protocols.ts'

interface HalfPair {
  data?: SpdyStream
  error?: SpdyStream
}

/** How long one half of a pair may wait for the other. Upstream: DefaultStreamCreationTimeout. */
const pairTimeoutMs = 30_000

/** Key of a pair. Very old clients send no requestID, but open error and data as neighbours: 1 and 3, 5 and 7. */
const requestIdOf = (stream: SpdyStream): string => {
  const id = stream.headers['requestid']
  if (id !== undefined) return id
  return String(stream.headers['streamtype'] === 'data' ? stream.id - 2 : stream.id)
}

/** Serves until the signal that it returns aborts: the client has gone. */
export const servePortForward = (socket: Duplex, handlers: PortForwardHandlers): AbortSignal => {
  const pairs = new Map<string, HalfPair>()
  const connection = new SpdyConnection(socket, {
    onStream: (stream) => {
      const type = stream.headers['streamtype']
      const port = parsePort(stream.headers['port'] ?? '')
      if ((type !== 'data' && type !== 'error') || port === undefined) {
        stream.destroy()
        return
      }
      const key = requestIdOf(stream)
      const pair = pairs.get(key) ?? {}
      if (pair[type] !== undefined) {
        stream.destroy()
        return
      }
      pair[type] = stream
      pairs.set(key, pair)
      const { data, error } = pair
      if (data === undefined || error === undefined) {
        const timer = realClock.setTimeout(() => abandon(key, pair, stream), pairTimeoutMs)
        stream.once('close', () => realClock.clearTimeout(timer))
        return
      }
      pairs.delete(key)
      // The client ends its side of the error stream at once; that end must be seen.
      error.resume()
      handlers.onConnection({ port, data, error })
    },
  })
  const abandon = (key: string, pair: HalfPair, stream: SpdyStream): void => {
    if (pairs.get(key) !== pair) return
    pairs.delete(key)
    stream.destroy()
  }
  return connection.signal
}
