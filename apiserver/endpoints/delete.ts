/** DELETE of an object and of a collection. */
import { isReason } from '../../api/meta/status-error.ts'
import { deleteObject, type DeleteResult } from '../registry/delete.ts'
import { type Resource } from '../registry/resource.ts'
import type { HttpContext } from '../server/context.ts'
import type { MediaType } from '../server/negotiation.ts'
import { sendValue } from '../server/respond.ts'
import { list } from '../storage/list.ts'
import type { Entry } from '../storage/encoding.ts'
import { type DeleteRequest, readDeleteOptions } from './delete-options.ts'
import { listOptionsOf } from './read.ts'
import { admissionAttributes, type Scope } from './scope.ts'
import { negotiateObject, negotiatePlainList, sendEntry, sendList } from './send.ts'

/** Kinds whose deletion answers with the object that is gone; the others answer with a Status. */
const returnDeletedObject = new Set([
  'pods',
  'services',
  'persistentvolumes',
  'persistentvolumeclaims',
  'podtemplates',
  'resourcequotas',
  'serviceaccounts',
])
const returnsObject = ({ definition: { group, plural } }: Resource): boolean =>
  group === 'storage.k8s.io' || (group === '' && returnDeletedObject.has(plural))

const remove = (scope: Scope, ctx: HttpContext, request: DeleteRequest, namespace: string, name: string) =>
  deleteObject(
    scope.resource,
    { namespace, name },
    {
      ...request,
      clock: scope.clock,
      validating: async (oldObject) => {
        const { dryRun, options } = request
        const attributes = admissionAttributes(scope, ctx, 'DELETE', { oldObject, dryRun, options })
        await scope.admission.mutate(attributes)
        await scope.admission.validate(attributes)
      },
    },
  )

export const deleteOne = async (scope: Scope, ctx: HttpContext): Promise<void> => {
  const media = negotiateObject(ctx, scope.resource)
  const request = await readDeleteOptions(ctx)
  const result = await remove(scope, ctx, request, ctx.info.namespace, ctx.info.name)
  // Held by something, and the client wanted the dependents gone too: accepted, and not done yet.
  const code = !result.deleted && request.options.orphanDependents === false ? 202 : 200
  await sendDeleted(ctx, scope.resource, media, result, code)
}

const sendDeleted = async (
  ctx: HttpContext,
  resource: Resource,
  media: MediaType,
  result: DeleteResult,
  code: number,
): Promise<void> => {
  if (!result.deleted || returnsObject(resource)) return sendEntry(ctx, resource, code, media, result.entry)
  const { group, plural } = resource.definition
  const { name, uid } = result.entry.object.metadata ?? {}
  return sendValue(
    ctx,
    code,
    { format: media.format },
    {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Success',
      details: { name, ...(group === '' ? {} : { group }), kind: plural, uid },
    },
  )
}

/** How many deletions of a collection run at once. Upstream: --delete-collection-workers. */
const workers = 8

export const deleteCollection = async (scope: Scope, ctx: HttpContext): Promise<void> => {
  const media = negotiatePlainList(ctx, scope.resource)
  const request = await readDeleteOptions(ctx)
  const options = listOptionsOf(scope.resource, ctx)
  const result = await list(scope.resource.store, options)
  const queue = [...result.entries]
  const work = async (): Promise<void> => {
    for (let entry = queue.shift(); entry !== undefined; entry = queue.shift())
      await removeListed(scope, ctx, request, entry)
  }
  await Promise.all(Array.from({ length: Math.min(workers, queue.length) }, work))
  await sendList(ctx, scope.resource, media, result)
}

const removeListed = async (scope: Scope, ctx: HttpContext, request: DeleteRequest, entry: Entry): Promise<void> => {
  const { namespace = '', name = '' } = entry.object.metadata ?? {}
  try {
    await remove(scope, ctx, request, namespace, name)
  } catch (error) {
    // Somebody else was faster: what we wanted is done.
    if (!isReason(error, 'NotFound')) throw error
  }
}
