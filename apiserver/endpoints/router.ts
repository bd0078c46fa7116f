/** From request info to the handler of a resource. Upstream: what the API installer registers. */
import { methodNotServed, StatusError } from '../../api/meta/status-error.ts'
import type { Clock } from '../../component-base/clock.ts'
import type { AdmissionChain } from '../admission/chain.ts'
import type { Authorizer } from '../authorization/authorizer.ts'
import type { Resource } from '../registry/resource.ts'
import type { Resources } from '../registry/resources.ts'
import type { HttpContext } from '../server/context.ts'
import { sendPageNotFound } from '../server/http-error.ts'
import type { RequestInfo } from '../server/request-info.ts'
import { create } from './create.ts'
import { deleteCollection, deleteOne } from './delete.ts'
import { patchObject } from './patch.ts'
import { get, listCollection } from './read.ts'
import type { Scope } from './scope.ts'
import { update } from './update.ts'
import { watch } from './watch.ts'
import type { WatchRegistry } from './watch-registry.ts'

export type ResourceHandler = (scope: Scope, ctx: HttpContext) => Promise<void>

/** A subresource's handlers by verb. */
export type SubresourceHandlers = Readonly<Record<string, ResourceHandler>>

export interface RouterOptions {
  readonly resources: Resources
  readonly admission: AdmissionChain
  readonly authorizer: Authorizer
  readonly clock: Clock
  readonly watches: WatchRegistry
  readonly minRequestTimeoutSeconds: number
  /** `pods/binding`, `*` + `/scale`: what subresources beside status do. */
  readonly subresources: (resource: Resource, subresource: string) => SubresourceHandlers | undefined
  /** What a verb does for kinds that are answered and not stored. */
  readonly virtual: (resource: Resource, verb: string) => ResourceHandler | undefined
}

const notServed = (): StatusError =>
  new StatusError('NotFound', 'the server could not find the requested resource', { details: {} })

const statusHandlers: SubresourceHandlers = { get, update, patch: patchObject }

/** Verbs that name one object; the others are of a collection. */
const objectVerbs = new Set(['get', 'update', 'patch', 'delete'])

export const createRouter = (options: RouterOptions): ((ctx: HttpContext) => Promise<void>) => {
  const { resources, admission, authorizer, clock, minRequestTimeoutSeconds } = options
  const main: Readonly<Record<string, ResourceHandler>> = {
    get,
    list: listCollection,
    watch: (scope, ctx) => watch({ ...scope, watches: options.watches }, ctx),
    create,
    update,
    patch: patchObject,
    delete: deleteOne,
    deletecollection: deleteCollection,
  }
  const handlerOf = (resource: Resource, info: RequestInfo, hasName: boolean): ResourceHandler => {
    const { verb, subresource } = info
    if (subresource !== '') {
      const declared = resource.definition.subresources.find(({ name }) => name === subresource)
      const handlers =
        options.subresources(resource, subresource) ?? (subresource === 'status' ? statusHandlers : undefined)
      if (declared === undefined || handlers === undefined) throw notServed()
      const handler = handlers[verb]
      // OPTIONS, which proxies take, has no verb.
      const advertised = verb === '' || declared.verbs.some((allowed) => allowed === verb)
      if (handler === undefined || !advertised) throw methodNotServed()
      return handler
    }
    const handler = resource.definition.virtual === true ? options.virtual(resource, verb) : main[verb]
    if (handler === undefined || !resource.definition.verbs.some((allowed) => allowed === verb)) throw methodNotServed()
    if (objectVerbs.has(verb) !== hasName && verb !== 'watch') throw methodNotServed()
    return handler
  }
  return async (ctx) => {
    const { info } = ctx
    const resource = resources.find(info.apiGroup, info.apiVersion, info.resource)
    // The old paths /api/v1/proxy/… are gone.
    if (info.verb === 'proxy') throw notServed()
    if (resource === undefined) {
      // Nobody's group is nobody's error either.
      if (info.apiPrefix === 'apis' && !resources.hasGroup(info.apiGroup)) return sendPageNotFound(ctx)
      throw notServed()
    }
    if (ctx.method === 'HEAD' && info.subresource !== 'proxy') throw methodNotServed()
    if (resource.namespaced && info.namespace === '' && info.verb === 'create') throw methodNotServed()
    if (resource.namespaced === (info.namespace === '') && !acrossNamespaces(resource, info)) throw notServed()
    const hasName = info.name !== '' && info.verb !== 'list' && info.verb !== 'deletecollection'
    const handler = handlerOf(resource, info, hasName)
    if (resource.definition.deprecation !== undefined) {
      ctx.warnings.push(resource.definition.deprecation)
      ctx.audit?.annotate('k8s.io/deprecated', 'true')
    }
    const { subresource } = info
    await handler({ resource, subresource, admission, authorizer, clock, minRequestTimeoutSeconds }, ctx)
  }
}

/** Lists and watches of namespaced resources may span all; a namespace itself has its own name as its namespace. */
const acrossNamespaces = (resource: Resource, info: RequestInfo): boolean =>
  resource.namespaced ? info.verb === 'list' || info.verb === 'watch' : info.resource === 'namespaces'
