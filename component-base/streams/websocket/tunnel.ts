/** A byte stream inside a WebSocket: each binary message is a piece. Carries SPDY for port-forward. */
import type { Duplex } from 'node:stream'
import { createWebSocketStream, type WebSocket } from 'ws'

export const webSocketTunnel = (socket: WebSocket): Duplex => {
  const stream = createWebSocketStream(socket)
  stream.on('error', () => {})
  return stream
}
