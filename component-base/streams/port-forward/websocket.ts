/**
 * Port-forward over WebSocket channels (v4.channel.k8s.io): port number i of the query has channel 2i for data and
 * 2i+1 for an error. The first message on each says which port it is, as two bytes, low byte first.
 */
import { Duplex } from 'node:stream'
import { UpgradeRefused, type UpgradeRequest } from '../upgrade.ts'
import { acceptWebSocket } from '../websocket/accept.ts'
import { ChannelSocket } from '../websocket/channels.ts'
import { parsePort, type PortForwardHandlers } from './protocols.ts'

export const channelProtocols = ['v4.channel.k8s.io', 'v4.base64.channel.k8s.io'] as const

/** Ports of `?port=80,443&port=…`. Throws UpgradeRefused (400) with upstream's texts. */
export const portsOfQuery = (query: URLSearchParams): number[] => {
  const texts = query.getAll('port')
  if (texts.length === 0) throw new UpgradeRefused(400, 'query parameter "port" is required')
  return texts
    .flatMap((text) => text.split(','))
    .map((text) => {
      if (text === '') throw new UpgradeRefused(400, 'query parameter "port" cannot be empty')
      const port = parsePort(text)
      if (port === undefined) throw new UpgradeRefused(400, `unable to parse ${JSON.stringify(text)} as a port`)
      return port
    })
}

/** Resolves with a signal that aborts when the client has gone. */
export const acceptChannelPortForward = async (
  upgrade: UpgradeRequest,
  protocol: string,
  { ports, handlers }: { readonly ports: readonly number[]; readonly handlers: PortForwardHandlers },
): Promise<AbortSignal> => {
  const encoding = protocol === 'v4.base64.channel.k8s.io' ? 'base64' : 'binary'
  const connection = new ChannelSocket(await acceptWebSocket(upgrade, protocol), encoding)
  for (const [index, port] of ports.entries()) {
    const which = Buffer.alloc(2)
    which.writeUInt16LE(port)
    const [dataChannel, errorChannel] = [2 * index, 2 * index + 1]
    const data = Duplex.from({ readable: connection.readable(dataChannel), writable: connection.writable(dataChannel) })
    data.on('error', () => {})
    await Promise.all([connection.send(dataChannel, which), connection.send(errorChannel, which)]).catch(() => {})
    handlers.onConnection({ port, data, error: connection.writable(errorChannel) })
  }
  connection.start()
  return connection.signal
}
