/** What every plugin of a kubelet does: it serves gRPC on a socket, and registers by another. */
import { mkdirSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type Listener, listen } from '../../component-base/grpc/listener.ts'
import { createGrpcServer, type Implementation, implementUnary } from '../../component-base/grpc/server.ts'
import { registration } from '../../kubelet/plugins/messages.ts'

export const serveSocket = (path: string, implementations: readonly Implementation[]): Promise<Listener> => {
  mkdirSync(dirname(path), { recursive: true })
  rmSync(path, { force: true })
  const http2 = createGrpcServer({ maxMessageBytes: 1 << 20, onInternalError: console.error, implementations })
  return listen({ path, http2, http1: (_request, response) => response.end() })
}

export interface Registration {
  /** '' when the kubelet took the plugin, else why not. */
  readonly answer: Promise<string>
  withdraw(): Promise<void>
}

export const registerPlugin = async (
  kubeletRoot: string,
  plugin: {
    readonly type: string
    readonly name: string
    readonly endpoint: string
    readonly supportedVersions: readonly string[]
  },
): Promise<Registration> => {
  const answered = Promise.withResolvers<string>()
  const socket = join(kubeletRoot, 'plugins_registry', `${plugin.name}-reg.sock`)
  const listener = await serveSocket(socket, [
    implementUnary(registration.getInfo, () => plugin),
    implementUnary(registration.notifyRegistrationStatus, ({ pluginRegistered, error }) => {
      answered.resolve(pluginRegistered ? '' : error)
      return {}
    }),
  ])
  return {
    answer: answered.promise,
    withdraw: async () => {
      rmSync(socket, { force: true })
      await listener.close(0)
    },
  }
}
