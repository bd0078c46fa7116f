/** What port-forward looks like to a server, whichever transport the client chose. Upstream: portforward. */
import type { Duplex, Writable } from 'node:stream'

/** One forwarded connection: its bytes, and a stream for the text of an error. */
export interface ForwardedConnection {
  readonly port: number
  readonly data: Duplex
  readonly error: Writable
}

export interface PortForwardHandlers {
  /** Called for each connection that the client makes. */
  readonly onConnection: (connection: ForwardedConnection) => void
}

export const portForwardProtocol = 'portforward.k8s.io'
/** SPDY inside WebSocket messages: kubectl from 1.31. */
export const tunnelledPortForwardProtocol = 'SPDY/3.1+portforward.k8s.io'

/** A port from a header or query; undefined if it is none. */
export const parsePort = (text: string): number | undefined => {
  const port = Number(text)
  return /^\d{1,5}$/.test(text) && port > 0 && port <= 65535 ? port : undefined
}
