/** In which version a server has ClusterTrustBundles: they are off by default, and nobody knows before asking. */
import { isReason } from '../../api/meta/status-error.ts'
import { clusterTrustBundles, groupVersionPath, type ResourceRef, resourceRef } from '../../api/resources.ts'
import type { ClusterTrustBundle } from '../../api/types.ts'
import type { RestClient } from '../rest/rest-client.ts'

/** The best first. */
const versions: readonly ResourceRef<ClusterTrustBundle>[] = [
  clusterTrustBundles,
  resourceRef<ClusterTrustBundle>({ ...clusterTrustBundles, version: 'v1alpha1' }),
]

const has = (document: unknown, plural: string): boolean =>
  ((document as { resources?: readonly { name?: string }[] } | undefined)?.resources ?? []).some(
    ({ name }) => name === plural,
  )

/** The best version that is served; undefined if there is none. Rejects when the server does not answer. */
export const availableTrustBundles = async (
  client: RestClient,
): Promise<ResourceRef<ClusterTrustBundle> | undefined> => {
  for (const ref of versions) {
    try {
      if (has(await client.raw('GET', groupVersionPath(ref)), ref.resource)) return ref
    } catch (error) {
      if (!isReason(error, 'NotFound')) throw error
    }
  }
  return undefined
}
