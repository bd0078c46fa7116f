/**
 * The connect subresources: pods/log, pods/exec, pods/attach, pods/portforward, and proxy of pods, services, nodes.
 * The server calls handleConnect for ordinary requests and handleUpgrade where the client asks for an upgrade, both
 * after authentication, authorization and admission.
 */
import { badRequest, methodNotAllowed, StatusError } from '../../api/meta/status-error.ts'
import { answerOnSocket, UpgradeRefused } from '../../component-base/streams/upgrade.ts'
import { backendPath } from './backend-path.ts'
import { kubeletBackend } from './backend.ts'
import { type ConnectContext, getNode, getPod, type UpgradeContext, type UpgradeSocket } from './context.ts'
import { httpProxy, rawQuery } from './http-proxy.ts'
import { kubeletAddress } from './kubelet-address.ts'
import { podLogWebSocket } from './log-websocket.ts'
import { podLog } from './pod-log.ts'
import { commandPath, nodeOf, portForwardPath } from './pod-location.ts'
import { proxyBackend } from './proxy-target.ts'
import { proxyUpgrade } from './upgrade-proxy.ts'

const proxied = new Set(['pods', 'services', 'nodes'])
const commands = new Set(['exec', 'attach', 'portforward'])

/** True for the resources and subresources that this folder serves. */
export const isConnect = (resource: string, subresource: string): boolean =>
  subresource === 'proxy'
    ? proxied.has(resource)
    : resource === 'pods' && (subresource === 'log' || commands.has(subresource))

const allowedMethods = (subresource: string): readonly string[] => {
  switch (subresource) {
    case 'log':
      return ['GET', 'HEAD']
    case 'proxy':
      return ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']
    default:
      return ['GET', 'POST']
  }
}

const checkMethod = ({ method, info }: ConnectContext | UpgradeContext): void => {
  if (allowedMethods(info.subresource).includes(method)) return
  throw methodNotAllowed({ group: '', resource: `${info.resource}/${info.subresource}` }, method.toLowerCase())
}

/** Answers an ordinary request. Throws StatusError as long as no byte of the answer is out. */
export const handleConnect = async (ctx: ConnectContext): Promise<void> => {
  checkMethod(ctx)
  switch (ctx.info.subresource) {
    case 'log':
      return podLog(ctx)
    case 'proxy':
      return httpProxy(ctx)
    default:
      // The Pod comes first: who asks for one that is not there learns that.
      await commandBackend(ctx)
      throw badRequest('Upgrade request required')
  }
}

/** The kubelet's address of an exec, attach or portforward. */
const commandBackend = async (ctx: ConnectContext | UpgradeContext) => {
  const { namespace, name, subresource } = ctx.info
  const pod = await getPod(ctx, namespace, name)
  const path =
    subresource === 'portforward'
      ? portForwardPath(pod, ctx.query)
      : commandPath(subresource === 'exec' ? 'exec' : 'attach', pod, ctx.query)
  const node = await getNode(ctx, nodeOf(pod))
  return kubeletBackend(ctx.kubelet, kubeletAddress(node, ctx.kubelet.preferredAddressTypes), path)
}

/** Serves an upgrade on its bare socket, errors included: never rejects. */
export const handleUpgrade = async (ctx: UpgradeContext, client: UpgradeSocket): Promise<void> => {
  const { socket } = client
  // Every stream ends by 'close'; an error of the socket alone is no news.
  socket.on('error', () => {})
  try {
    checkMethod(ctx)
    switch (ctx.info.subresource) {
      case 'log':
        await podLogWebSocket(ctx, client)
        break
      case 'proxy': {
        const path = `${backendPath(ctx.info.subpath)}${rawQuery(ctx.uri)}`
        await proxyUpgrade(ctx, client, await proxyBackend(ctx, path))
        break
      }
      default:
        await proxyUpgrade(ctx, client, await commandBackend(ctx))
    }
  } catch (error) {
    refuse(ctx, client, error)
  }
}

const refuse = (ctx: UpgradeContext, { socket }: UpgradeSocket, error: unknown): void => {
  if (error instanceof UpgradeRefused) {
    answerOnSocket(socket, error.statusCode, error.headers, `${error.message}\n`)
    return
  }
  const status = StatusError.from(error)
  if (status.code >= 500) ctx.log.warn({ err: error, path: ctx.info.path }, 'upgrade failed')
  const headers = { 'Audit-Id': ctx.auditId, 'Cache-Control': 'no-cache, private', 'Content-Type': 'application/json' }
  answerOnSocket(socket, status.code, headers, `${JSON.stringify(status.toStatus())}\n`)
}
