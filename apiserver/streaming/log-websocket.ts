/** pods/log over WebSocket: messages of bytes (binary.k8s.io) or of base64 (base64.binary.k8s.io), closed at the end. */
import { acceptWebSocket, negotiateSubprotocol } from '../../component-base/streams/websocket/accept.ts'
import type { UpgradeContext, UpgradeSocket } from './context.ts'
import { openPodLog } from './pod-log.ts'

const binary = 'binary.k8s.io'
const base64 = 'base64.binary.k8s.io'

export const podLogWebSocket = async (ctx: UpgradeContext, { socket, head }: UpgradeSocket): Promise<void> => {
  const protocol = negotiateSubprotocol(ctx.request, [binary, base64])
  const log = await openPodLog(ctx)
  const webSocket = await acceptWebSocket({ request: ctx.request, socket, head }, protocol)
  webSocket.once('close', () => log?.destroy())
  webSocket.resume()
  const send = async (chunk: Buffer): Promise<void> =>
    new Promise((resolve, reject) => {
      webSocket.send(protocol === base64 ? chunk.toString('base64') : chunk, (error) =>
        error ? reject(error) : resolve(),
      )
    })
  try {
    // The first, empty message says that the stream stands.
    await send(Buffer.alloc(0))
    for await (const chunk of log ?? []) await send(chunk as Buffer)
    webSocket.close(1000)
  } catch (error) {
    ctx.log.debug({ err: error, path: ctx.info.path }, 'log stream broke off')
    webSocket.terminate()
  }
}
