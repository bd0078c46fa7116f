/** Exec and attach over SPDY/3.1: one stream for each of error, stdin, stdout, stderr and resize. */
import { SpdyConnection } from '../spdy/spdy-connection.ts'
import type { SpdyStream } from '../spdy/spdy-stream.ts'
import { acceptSpdyUpgrade, negotiateStreamProtocol, type UpgradeRequest } from '../upgrade.ts'
import {
  discard,
  endAndFlush,
  protocolV1,
  protocolV2,
  protocolV3,
  protocolV4,
  type RemoteCommandOptions,
  type RemoteCommandStreams,
  statusBytes,
  terminalSizes,
} from './protocols.ts'

const supported = [protocolV4, protocolV3, protocolV2, protocolV1]
/** How long the client may take to open all its streams. Upstream: DefaultStreamCreationTimeout. */
const streamCreationTimeoutMs = 30_000

type StreamType = 'error' | 'stdin' | 'stdout' | 'stderr' | 'resize'

const expectedTypes = (options: RemoteCommandOptions, protocol: string): Set<string> => {
  const types: StreamType[] = ['error']
  if (options.stdin) types.push('stdin')
  if (options.stdout) types.push('stdout')
  if (options.stderr) types.push('stderr')
  if (options.tty && (protocol === protocolV4 || protocol === protocolV3)) types.push('resize')
  return new Set(types)
}

/** Accepts the upgrade and waits for the client's streams. Rejects with UpgradeRefused or, later, any Error. */
export const acceptSpdyCommand = async (
  upgrade: UpgradeRequest,
  options: RemoteCommandOptions,
): Promise<RemoteCommandStreams> => {
  const protocol = negotiateStreamProtocol(upgrade.request, supported, protocolV1)
  const expected = expectedTypes(options, protocol)
  const streams = new Map<string, SpdyStream>()
  let complete = (): void => {}
  const allThere = new Promise<void>((resolve) => (complete = resolve))
  const connection = new SpdyConnection(acceptSpdyUpgrade(upgrade, protocol), {
    onStream: (stream) => {
      const type = stream.headers['streamtype'] ?? ''
      if (!expected.has(type) || streams.has(type)) {
        stream.destroy()
        return
      }
      streams.set(type, stream)
      if (streams.size === expected.size) complete()
    },
  })
  await within(allThere, connection)

  const stdin = streams.get('stdin')
  const [stdout, stderr, error] = [streams.get('stdout'), streams.get('stderr'), streams.get('error')]
  // Nothing is ever read from these, but their ends must be seen.
  for (const stream of [stdout, stderr, error]) stream?.resume()
  return {
    stdin,
    stdout,
    stderr,
    resize: terminalSizes(streams.get('resize')),
    signal: connection.signal,
    finish: async (status) => {
      discard(stdin)
      await Promise.all([endAndFlush(stdout, connection.signal), endAndFlush(stderr, connection.signal)])
      const bytes = statusBytes(status, protocol === protocolV4)
      if (bytes !== undefined) error?.write(bytes)
      await endAndFlush(error, connection.signal)
      connection.close()
    },
  }
}

const within = async (ready: Promise<void>, connection: SpdyConnection): Promise<void> => {
  const timeout = AbortSignal.timeout(streamCreationTimeoutMs)
  const over = AbortSignal.any([timeout, connection.signal])
  await new Promise<void>((resolve, reject) => {
    void ready.then(resolve)
    over.addEventListener('abort', () => reject(new Error('timed out waiting for client to create streams')))
  }).catch((error: unknown) => {
    connection.close()
    throw error
  })
}
