/** log, exec, attach, portforward and proxy: from the chain to apiserver/streaming. */
import type { Duplex } from 'node:stream'
import { badRequest, forbidden } from '../../../api/meta/status-error.ts'
import { attributesOf, type Authorizer } from '../../authorization/authorizer.ts'
import { handleConnect, handleUpgrade } from '../../streaming/connect.ts'
import type {
  ConnectContext,
  HttpContext,
  KubeletClientConfig,
  ObjectReader,
  UpgradeContext,
} from '../../server/context.ts'
import { takeUpgrade } from '../../server/upgrades.ts'
import { connectOptions } from './connect-options.ts'
import type { SubresourceHandlers } from '../router.ts'
import { admissionAttributes, type Scope } from '../scope.ts'

export interface ConnectOptions {
  readonly kubelet: KubeletClientConfig
  readonly reader: ObjectReader
  /** Asked for `create` where the client only had to be allowed to `get`; undefined: that is enough. */
  readonly authorizer: Authorizer | undefined
}

const commands: readonly string[] = ['exec', 'attach', 'portforward']

/**
 * A WebSocket begins with a GET, but who may only read is not to run commands. Upstream: ensureAuthorizedForVerb,
 * AuthorizePodWebsocketUpgradeCreatePermission
 */
const checkMayCreate = async (ctx: HttpContext, authorizer: Authorizer | undefined): Promise<void> => {
  const { resource, subresource, verb, name } = ctx.info
  if (authorizer === undefined || resource !== 'pods' || !commands.includes(subresource) || verb === 'create') return
  const decision = await authorizer.authorize({ ...attributesOf(ctx.user, ctx.info, ctx.query), verb: 'create' })
  if (decision.type !== 'allow') throw forbidden({ group: '', resource }, name, decision.reason)
}

/** The same context with what the handlers of apiserver/streaming need besides. */
const withReaders = (ctx: HttpContext, { kubelet, reader }: ConnectOptions): ConnectContext => ({
  request: ctx.request,
  response: ctx.response,
  method: ctx.method,
  info: ctx.info,
  query: ctx.query,
  uri: ctx.uri,
  auditId: ctx.auditId,
  receivedMs: ctx.receivedMs,
  earlyAnnotations: ctx.earlyAnnotations,
  audit: ctx.audit,
  log: ctx.log,
  user: ctx.user,
  warnings: ctx.warnings,
  get signal() {
    return ctx.signal
  },
  abort: (reason) => ctx.abort(reason),
  kubelet,
  getObject: reader.getObject.bind(reader),
  listObjects: reader.listObjects.bind(reader),
})

const connect = async (scope: Scope, ctx: HttpContext, options: ConnectOptions): Promise<void> => {
  if (ctx.query.has('dryRun')) throw badRequest('dryRun is not supported')
  const asked = connectOptions(scope.resource.definition.plural, scope.subresource, ctx.query, ctx.info.subpath)
  if (asked !== undefined) {
    const attributes = {
      ...admissionAttributes(scope, ctx, 'CONNECT', { ...asked, dryRun: false }),
      name: ctx.info.name,
    }
    await scope.admission.mutate(attributes)
    await scope.admission.validate(attributes)
  }
  await checkMayCreate(ctx, options.authorizer)
  const upgrade = takeUpgrade(ctx)
  if (upgrade === undefined) return handleConnect(withReaders(ctx, options))
  const upgradeContext: UpgradeContext = {
    ...withReaders(ctx, options),
    request: upgrade.request,
    signal: socketSignal(upgrade.socket),
  }
  await handleUpgrade(upgradeContext, upgrade)
}

const socketSignal = (socket: Duplex): AbortSignal => {
  const controller = new AbortController()
  if (socket.destroyed) controller.abort()
  else socket.once('close', () => controller.abort())
  return controller.signal
}

export const connectHandlers = (options: ConnectOptions): SubresourceHandlers => {
  const handler = (scope: Scope, ctx: HttpContext): Promise<void> => connect(scope, ctx, options)
  // OPTIONS has no verb.
  return { get: handler, create: handler, update: handler, patch: handler, delete: handler, '': handler }
}
