/** Which of several objects that are marked as the default is it. */
import type { KubeObject } from '../../../api/types.ts'
import type { Resource } from '../../registry/resource.ts'

/** The newest object that is marked; of equally old ones the first by name. */
export const newestDefault = async (
  resource: Resource,
  isMarked: (object: KubeObject) => boolean,
): Promise<KubeObject | undefined> => {
  await resource.store.cache.ready()
  let newest: KubeObject | undefined
  // The cache is in order of names.
  for (const { object } of resource.store.cache.range()) {
    if (!isMarked(object)) continue
    const created = object.metadata?.creationTimestamp ?? ''
    if (newest === undefined || created > (newest.metadata?.creationTimestamp ?? '')) newest = object
  }
  return newest
}
