/** Deletes everything in a Namespace: Pods first, and nothing else while any Pod is left. */
import { isReason } from '../../api/meta/status-error.ts'
import { resourceRef } from '../../api/resources.ts'
import type { KubeObject } from '../../api/types.ts'
import type { RestClient } from '../../client/rest/rest-client.ts'
import type { DiscoveredResource, Discovery } from '../discovery.ts'
import { messageOf } from '../errors.ts'
import { nameOf } from '../objects.ts'
import { all } from '../slow-start.ts'
import type { Emptying } from './conditions.ts'

/** Resources that are emptied at the same time. */
const parallel = 8

const canDelete = ({ verbs, namespaced }: DiscoveredResource): boolean =>
  namespaced && verbs.includes('list') && verbs.includes('delete')

/** Deletes all objects of one resource; gives back those that are still there. */
const deleteAll = async (
  client: RestClient,
  namespace: string,
  resource: DiscoveredResource,
): Promise<KubeObject[]> => {
  const ref = resourceRef<KubeObject>(resource)
  const before = await client.list(ref, { namespace })
  if (before.items.length === 0) return []
  if (resource.verbs.includes('deletecollection')) {
    await client.deleteCollection(ref, { namespace, propagationPolicy: 'Background' })
  } else {
    await all(before.items, async (item) => {
      await client.delete(ref, nameOf(item), namespace, { propagationPolicy: 'Background' }).catch((error: unknown) => {
        if (!isReason(error, 'NotFound')) throw error
      })
    })
  }
  return (await client.list(ref, { namespace })).items
}

/** One round of deletion, and what is left after it. */
export const deleteContents = async (
  client: RestClient,
  namespace: string,
  discovery: Discovery,
): Promise<Emptying> => {
  const remaining = new Map<string, number>()
  const finalizers = new Map<string, number>()
  const deletionErrors: string[] = []
  const empty = async (resource: DiscoveredResource): Promise<void> => {
    try {
      const left = await deleteAll(client, namespace, resource)
      if (left.length === 0) return
      remaining.set(`${resource.resource}.${resource.group}`, left.length)
      for (const finalizer of left.flatMap(({ metadata }) => metadata?.finalizers ?? [])) {
        finalizers.set(finalizer, (finalizers.get(finalizer) ?? 0) + 1)
      }
    } catch (error) {
      // A resource whose definition has just gone has no objects either.
      if (!isReason(error, 'NotFound', 'MethodNotAllowed')) {
        deletionErrors.push(`unexpected error deleting ${resource.resource}.${resource.group}: ${messageOf(error)}`)
      }
    }
  }
  const resources = discovery.preferred.filter(canDelete)
  const isPods = ({ group, resource }: DiscoveredResource): boolean => group === '' && resource === 'pods'
  for (const resource of resources.filter(isPods)) await empty(resource)
  const discoveryErrors = discovery.failed.map(({ groupVersion, error }) => `${groupVersion}: ${error}`)
  if (remaining.size === 0 && deletionErrors.length === 0) {
    const rest = resources.filter((resource) => !isPods(resource))
    const next = async (): Promise<void> => {
      for (let resource = rest.shift(); resource !== undefined; resource = rest.shift()) await empty(resource)
    }
    await Promise.all(Array.from({ length: parallel }, next))
  }
  return { discoveryErrors, deletionErrors, remaining, finalizers }
}
