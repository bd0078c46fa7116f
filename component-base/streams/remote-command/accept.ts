/** Accepts exec and attach from any client: WebSocket (kubectl from 1.31, browsers, libraries) or SPDY (older). */
import { requestedUpgrade, UpgradeRefused, type UpgradeRequest } from '../upgrade.ts'
import type { RemoteCommandOptions, RemoteCommandStreams } from './protocols.ts'
import { acceptSpdyCommand } from './spdy.ts'
import { acceptWebSocketCommand } from './websocket.ts'

/** Reads `input`, `output`, `error` and `tty` as the kubelet's paths have them. Throws UpgradeRefused (400). */
export const remoteCommandOptions = (query: URLSearchParams): RemoteCommandOptions => {
  const is = (name: string): boolean => query.get(name) === '1' || query.get(name) === 'true'
  const tty = is('tty')
  const options = { stdin: is('input'), stdout: is('output'), stderr: is('error') && !tty, tty }
  if (!options.stdin && !options.stdout && !options.stderr) {
    throw new UpgradeRefused(400, 'you must specify at least 1 of stdin, stdout, stderr')
  }
  return options
}

/** Rejects with UpgradeRefused as long as an HTTP answer is possible. */
export const acceptRemoteCommand = async (
  upgrade: UpgradeRequest,
  options: RemoteCommandOptions,
): Promise<RemoteCommandStreams> => {
  switch (requestedUpgrade(upgrade.request)) {
    case 'websocket':
      return acceptWebSocketCommand(upgrade, options)
    case 'spdy/3.1':
      return acceptSpdyCommand(upgrade, options)
    case undefined:
    default:
      throw new UpgradeRefused(400, 'unable to upgrade: missing upgrade headers in request')
  }
}
