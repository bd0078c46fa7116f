/** Exec and attach over WebSocket channels: 0 stdin, 1 stdout, 2 stderr, 3 error, 4 resize. */
import { acceptWebSocket, negotiateSubprotocol } from '../websocket/accept.ts'
import { ChannelSocket } from '../websocket/channels.ts'
import type { UpgradeRequest } from '../upgrade.ts'
import {
  discard,
  endAndFlush,
  protocolV1,
  protocolV1Base64,
  protocolV4,
  protocolV4Base64,
  protocolV5,
  type RemoteCommandOptions,
  type RemoteCommandStreams,
  statusBytes,
  terminalSizes,
} from './protocols.ts'

const channels = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4 } as const
const supported = [protocolV5, protocolV4, protocolV4Base64, protocolV1, protocolV1Base64]

/** Accepts the handshake. Rejects with UpgradeRefused. */
export const acceptWebSocketCommand = async (
  upgrade: UpgradeRequest,
  options: RemoteCommandOptions,
): Promise<RemoteCommandStreams> => {
  const protocol = negotiateSubprotocol(upgrade.request, supported)
  const encoding = protocol === protocolV1Base64 || protocol === protocolV4Base64 ? 'base64' : 'binary'
  const asJson = protocol === protocolV5 || protocol === protocolV4 || protocol === protocolV4Base64
  const connection = new ChannelSocket(await acceptWebSocket(upgrade, protocol), encoding)

  const stdout = options.stdout ? connection.writable(channels.stdout) : undefined
  const stderr = options.stderr ? connection.writable(channels.stderr) : undefined
  const stdin = options.stdin ? connection.readable(channels.stdin) : undefined
  const resize = options.tty ? connection.readable(channels.resize) : undefined
  connection.start()
  if (protocol !== protocolV5) {
    // Old clients take the first, empty message as the sign that the process is connected.
    const first = options.stdout ? channels.stdout : options.stderr ? channels.stderr : channels.error
    await connection.send(first, Buffer.alloc(0)).catch(() => {})
  }
  return {
    stdin,
    stdout,
    stderr,
    resize: terminalSizes(resize),
    signal: connection.signal,
    finish: async (status) => {
      discard(stdin)
      await Promise.all([endAndFlush(stdout, connection.signal), endAndFlush(stderr, connection.signal)])
      const bytes = statusBytes(status, asJson)
      // A client that has gone needs no status.
      if (bytes !== undefined) await connection.send(channels.error, bytes).catch(() => {})
      connection.close()
    },
  }
}
