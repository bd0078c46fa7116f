/** Accepts port-forward from any client: SPDY, SPDY inside WebSocket, or plain WebSocket channels. */
import {
  acceptSpdyUpgrade,
  negotiateStreamProtocol,
  requestedUpgrade,
  UpgradeRefused,
  type UpgradeRequest,
} from '../upgrade.ts'
import { acceptWebSocket, negotiateSubprotocol } from '../websocket/accept.ts'
import { webSocketTunnel } from '../websocket/tunnel.ts'
import { type PortForwardHandlers, portForwardProtocol, tunnelledPortForwardProtocol } from './protocols.ts'
import { servePortForward } from './spdy.ts'
import { acceptChannelPortForward, channelProtocols, portsOfQuery } from './websocket.ts'

/** Resolves with a signal that aborts when the client has gone. Rejects with UpgradeRefused. */
export const acceptPortForward = async (
  upgrade: UpgradeRequest,
  query: URLSearchParams,
  handlers: PortForwardHandlers,
): Promise<AbortSignal> => {
  switch (requestedUpgrade(upgrade.request)) {
    case 'websocket': {
      const protocol = negotiateSubprotocol(upgrade.request, [tunnelledPortForwardProtocol, ...channelProtocols])
      if (protocol !== tunnelledPortForwardProtocol) {
        return acceptChannelPortForward(upgrade, protocol, { ports: portsOfQuery(query), handlers })
      }
      return servePortForward(webSocketTunnel(await acceptWebSocket(upgrade, protocol)), handlers)
    }
    case 'spdy/3.1': {
      const protocol = negotiateStreamProtocol(upgrade.request, [portForwardProtocol], portForwardProtocol)
      return servePortForward(acceptSpdyUpgrade(upgrade, protocol), handlers)
    }
    case undefined:
    default:
      throw new UpgradeRefused(400, 'unable to upgrade: missing upgrade headers in request')
  }
}
