/** Who owns the claims of a StatefulSet, by its persistentVolumeClaimRetentionPolicy: owned claims go with the owner. */
import type { OwnerReference, PersistentVolumeClaim, Pod, StatefulSet } from '../../api/types.ts'
import { isDeleting, nameOf, uidOf } from '../objects.ts'
import { semanticEqual } from '../semantic-equal.ts'
import { claimName, ordinalOf, replicasOf, startOrdinal } from './pod.ts'

const referenceTo = (owner: StatefulSet | Pod, apiVersion: string, kind: string): OwnerReference => ({
  apiVersion,
  kind,
  name: nameOf(owner),
  uid: uidOf(owner),
  ...(kind === 'StatefulSet' ? { controller: true, blockOwnerDeletion: true } : {}),
})

/** Claims with the owner references that they should have; those that have them already are left out. */
export const planClaimRetention = (
  set: StatefulSet,
  pods: readonly Pod[],
  claims: readonly PersistentVolumeClaim[],
): PersistentVolumeClaim[] => {
  const policy = set.spec?.persistentVolumeClaimRetentionPolicy
  const deletedWithSet = policy?.whenDeleted === 'Delete'
  const deletedWithScale = policy?.whenScaled === 'Delete'
  const byName = new Map(claims.map((claim) => [nameOf(claim), claim]))
  return pods.flatMap((pod) => {
    const ordinal = ordinalOf(set, pod)
    const condemned = ordinal < startOrdinal(set) || ordinal >= startOrdinal(set) + replicasOf(set)
    return (set.spec?.volumeClaimTemplates ?? []).flatMap((template) => {
      const claim = byName.get(claimName(set, nameOf(template), ordinal))
      if (claim === undefined) return []
      const before = claim.metadata?.ownerReferences ?? []
      const others = before.filter(({ uid }) => uid !== uidOf(set) && uid !== uidOf(pod))
      const after = [
        ...others,
        ...(deletedWithScale && condemned ? [referenceTo(pod, 'v1', 'Pod')] : []),
        ...(deletedWithSet && !(deletedWithScale && condemned) ? [referenceTo(set, 'apps/v1', 'StatefulSet')] : []),
      ]
      const touched = deletedWithSet || deletedWithScale || others.length !== before.length
      if (!touched || semanticEqual(before, after)) return []
      return [{ ...claim, metadata: { ...claim.metadata, ownerReferences: after } }]
    })
  })
}

/**
 * Why a Pod of that name must not be made with the claim yet: it is on its way out, or it will be, since it belongs to
 * an earlier Pod of the name that is gone. Who started before would lose its data. Upstream: PodClaimIsStale.
 */
export const claimObstacle = (
  claim: PersistentVolumeClaim | undefined,
  podName: string,
  present: Pod | undefined,
): string | undefined => {
  if (claim === undefined) return undefined
  if (isDeleting(claim)) return `pvc ${nameOf(claim)} is being deleted`
  const stale = (claim.metadata?.ownerReferences ?? []).some(
    ({ kind, name, uid }) => kind === 'Pod' && name === podName && uid !== present?.metadata?.uid,
  )
  return stale ? `pvc ${nameOf(claim)} belongs to an earlier pod ${podName}` : undefined
}
