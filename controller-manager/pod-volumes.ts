/** Which claims Pods mount, and which volumes behind them: shared by the controllers of volumes. */
import { volumeClaimName } from '../api/core/pod/references.ts'
import { isPodTerminal } from '../api/meta/pods.ts'
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '../api/types.ts'
import type { Informer } from '../client/cache/informer.ts'
import type { Lister } from '../client/cache/store.ts'
import { isDeleting, nameOf, namespaceOf, uidOf } from './objects.ts'

const claimIndex = 'persistentVolumeClaim'

export type PodVolume = NonNullable<NonNullable<Pod['spec']>['volumes']>[number]

/** The key of a volume's claim; undefined for volumes that have none. */
export const claimKeyOf = (pod: Pod, volume: PodVolume): string | undefined => {
  const claim = volumeClaimName(pod, volume)
  return claim === undefined ? undefined : `${namespaceOf(pod)}/${claim}`
}

/** Keys of the claims that the Pod mounts. */
export const claimKeysOf = (pod: Pod): string[] =>
  (pod.spec?.volumes ?? []).flatMap((volume) => claimKeyOf(pod, volume) ?? [])

/** Has the cache of Pods know who mounts which claim. */
export const indexClaims = (pods: Informer<Pod>): void => pods.addIndexers({ [claimIndex]: claimKeysOf })

/** Pods that mount the claim; the cache must have been given `indexClaims`. */
export const podsOfClaim = (pods: Lister<Pod>, claimKey: string): Pod[] => pods.byIndex(claimIndex, claimKey)

/** The key of the claim that the volume is bound to or meant for; '' if there is none. */
export const boundClaimKey = ({ spec }: PersistentVolume): string =>
  spec?.claimRef ? `${spec.claimRef.namespace ?? ''}/${spec.claimRef.name ?? ''}` : ''

/** The name of a CSI volume among all drivers, as Nodes tell what they have attached and mounted. */
export const csiVolumeName = (driver: string, handle: string): string => `kubernetes.io/csi/${driver}^${handle}`

/** True if claim and volume name each other. */
export const areBound = (claim: PersistentVolumeClaim, volume: PersistentVolume): boolean =>
  claim.spec?.volumeName === nameOf(volume) && volume.spec?.claimRef?.uid === uidOf(claim)

/** Nothing of the Pod uses its volumes any more. Upstream: volumeutil.IsPodTerminated. */
export const isDoneWithVolumes = (pod: Pod): boolean => {
  if (isPodTerminal(pod)) return true
  const { initContainerStatuses = [], containerStatuses = [], ephemeralContainerStatuses = [] } = pod.status ?? {}
  const statuses = [...initContainerStatuses, ...containerStatuses, ...ephemeralContainerStatuses]
  const runs = statuses.some(({ state }) => state?.terminated === undefined && state?.waiting === undefined)
  return isDeleting(pod) && !runs
}
