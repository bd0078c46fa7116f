/** Caches of objects whose content no controller reads. */
import type { KubeObject } from '../api/types.ts'

/** Keeps identity, owners and finalizers: Secrets and the like need not fill this process's memory. */
export const metadataOnly = (object: KubeObject): KubeObject => {
  const { name, namespace, uid, resourceVersion, ownerReferences, finalizers, deletionTimestamp } =
    object.metadata ?? {}
  return {
    metadata: {
      name,
      namespace,
      uid,
      resourceVersion,
      ...(ownerReferences && { ownerReferences }),
      ...(finalizers && { finalizers }),
      ...(deletionTimestamp && { deletionTimestamp }),
    },
  }
}
