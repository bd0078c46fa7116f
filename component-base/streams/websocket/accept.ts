/** WebSocket handshakes, with sub-protocol names that the `ws` package would refuse. */
import type { IncomingMessage } from 'node:http'
import { type WebSocket, WebSocketServer } from 'ws'
import { headerList, UpgradeRefused, type UpgradeRequest } from '../upgrade.ts'

/** Longest message that a client may send; kubectl's have 32 KiB. */
const maxPayloadBytes = 32 * 1024 * 1024

const chosenProtocols = new WeakMap<IncomingMessage, string>()
const server = new WebSocketServer({ noServer: true, perMessageDeflate: false, maxPayload: maxPayloadBytes })
server.on('headers', (headers, request) => {
  const protocol = chosenProtocols.get(request)
  if (protocol !== undefined) headers.push(`Sec-WebSocket-Protocol: ${protocol}`)
})

/**
 * The first of the client's sub-protocols that the server has; '' if the client names none.
 * Throws UpgradeRefused (400) if there is no common one.
 */
export const negotiateSubprotocol = (request: IncomingMessage, supported: readonly string[]): string => {
  const offered = headerList(request.headers['sec-websocket-protocol'])
  if (offered.length === 0) return ''
  const chosen = offered.find((protocol) => supported.includes(protocol))
  if (chosen === undefined) {
    throw new UpgradeRefused(400, `unable to negotiate protocol: client supports [${offered.join(' ')}]`)
  }
  return chosen
}

/**
 * Completes the handshake. The socket comes paused: its owner calls resume() once it listens.
 * Rejects with UpgradeRefused if the handshake is malformed.
 */
export const acceptWebSocket = async (
  { request, socket, head }: UpgradeRequest,
  protocol: string,
): Promise<WebSocket> => {
  const { 'sec-websocket-key': key, 'sec-websocket-version': version } = request.headers
  if (request.method !== 'GET' || key === undefined || !['8', '13'].includes(version ?? '')) {
    throw new UpgradeRefused(400, 'not a websocket handshake')
  }
  // `ws` wants tokens as names and refuses the slash of SPDY/3.1+portforward.k8s.io. The choice is made already:
  // it does not get to see the header.
  delete request.headers['sec-websocket-protocol']
  if (protocol !== '') chosenProtocols.set(request, protocol)
  return new Promise((resolve, reject) => {
    const lost = (): void => reject(new UpgradeRefused(400, 'the connection was closed during the handshake'))
    socket.once('close', lost)
    server.handleUpgrade(request, socket, head, (webSocket) => {
      socket.off('close', lost)
      // Every consumer watches 'close', which follows each error.
      webSocket.on('error', () => {})
      webSocket.pause()
      resolve(webSocket)
    })
  })
}
