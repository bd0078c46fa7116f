/** GET of an object and of a collection. */
import { notFound } from '../../api/meta/status-error.ts'
import { keyFor, type Resource } from '../registry/resource.ts'
import type { HttpContext } from '../server/context.ts'
import type { Entry } from '../storage/encoding.ts'
import { list, type ListOptions, parseResourceVersion } from '../storage/list.ts'
import { parseListQuery } from './options.ts'
import type { Scope } from './scope.ts'
import { matcherFor } from './selectors.ts'
import { negotiateList, negotiateObject, sendEntry, sendList } from './send.ts'

/** Reads one object: as of now if no resourceVersion is given, else at least that new. Throws NotFound. */
export const readEntry = async (
  resource: Resource,
  namespace: string,
  name: string,
  resourceVersion = '',
): Promise<Entry> => {
  const revision = resourceVersion === '' ? undefined : parseResourceVersion(resourceVersion)
  const entry = await resource.store.read(keyFor(resource, namespace, name), revision)
  if (entry === undefined) throw notFound(resource.groupResource, name)
  return entry
}

export const get = async ({ resource }: Scope, ctx: HttpContext): Promise<void> => {
  const media = negotiateObject(ctx, resource)
  const { namespace, name } = ctx.info
  const entry = await readEntry(resource, namespace, name, ctx.query.get('resourceVersion') ?? '')
  await sendEntry(ctx, resource, 200, media, entry)
}

export const listOptionsOf = (resource: Resource, ctx: HttpContext): ListOptions => {
  const query = parseListQuery(ctx.query)
  return {
    prefix: resource.namespaced && ctx.info.namespace !== '' ? `${ctx.info.namespace}/` : '',
    matches: matcherFor(resource, query.labelSelector, query.fieldSelector),
    resourceVersion: query.resourceVersion,
    resourceVersionMatch: query.resourceVersionMatch,
    limit: query.limit,
    continue: query.continue,
  }
}

export const listCollection = async ({ resource }: Scope, ctx: HttpContext): Promise<void> => {
  const media = negotiateList(ctx, resource)
  const options = listOptionsOf(resource, ctx)
  await sendList(ctx, resource, media, await list(resource.store, options))
}
