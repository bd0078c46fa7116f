/**
 * ClusterTrustBundles for volumes. The API may be off, so it is looked for when a Pod first needs it, and watched from
 * then on. Upstream: pkg/kubelet/clustertrustbundle
 */
import type { ClusterTrustBundle } from '../../api/types.ts'
import { createInformer, type Informer } from '../../client/cache/informer.ts'
import type { RestClient } from '../../client/rest/rest-client.ts'
import { availableTrustBundles } from '../../client/trust-bundles/available-version.ts'
import type { Logger } from '../../component-base/logging/logger.ts'
import { VolumeError } from './payload.ts'
import { type BundleProjection, normalizedAnchors, selectBundles } from './trust-anchors.ts'

export interface TrustBundles {
  /** The PEM text of what the source selects; rejects with VolumeError where it is not to be had. */
  readonly anchors: (source: BundleProjection) => Promise<string>
}

const unsupported = (): Promise<never> =>
  Promise.reject(new VolumeError('ClusterTrustBundle projection is not supported in static kubelet mode'))

/** For kubelets without an API server, or without the gate. */
export const noTrustBundles: TrustBundles = { anchors: unsupported }

const syncTimeoutMs = 10_000

export interface TrustBundlesDeps {
  readonly client: RestClient
  /** Some bundle has changed. */
  readonly onChange: () => void
  readonly log: Logger
  readonly signal: AbortSignal
}

export const createTrustBundles = ({ client, onChange, log, signal }: TrustBundlesDeps): TrustBundles => {
  let watching: Promise<Informer<ClusterTrustBundle> | undefined> | undefined

  const watch = async (): Promise<Informer<ClusterTrustBundle> | undefined> => {
    const ref = await availableTrustBundles(client)
    if (ref === undefined) return undefined
    const informer = createInformer(client, ref, { log })
    informer.addHandler({ onAdd: onChange, onUpdate: onChange, onDelete: onChange })
    informer.start(signal).catch((err: unknown) => {
      if (!signal.aborted) log.warn({ err }, 'watch of ClusterTrustBundles ended')
    })
    return informer
  }

  /** A server that does not have them, or cannot be asked, is asked again the next time. */
  const informerOf = async (): Promise<Informer<ClusterTrustBundle> | undefined> => {
    const asked = (watching ??= watch())
    const forget = (): void => {
      if (watching === asked) watching = undefined
    }
    try {
      const informer = await asked
      if (informer === undefined) forget()
      return informer
    } catch (error) {
      forget()
      const why = error instanceof Error ? error.message : String(error)
      throw new VolumeError(`failed to ensure informer manager for ClusterTrustBundles: ${why}`)
    }
  }

  return {
    anchors: async (source) => {
      const informer = await informerOf()
      if (informer === undefined) return unsupported()
      if (!informer.hasSynced()) {
        await informer.whenSynced(AbortSignal.timeout(syncTimeoutMs)).catch(() => {
          throw new VolumeError('ClusterTrustBundle informer has not yet synced')
        })
      }
      return normalizedAnchors(selectBundles(source, informer.lister.list()))
    },
  }
}
