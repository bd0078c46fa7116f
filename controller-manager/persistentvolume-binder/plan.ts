/** Which volume a claim gets. Upstream: pkg/controller/volume/persistentvolume, component-helpers/storage/volume. */
import { matcherFromLabelSelector } from '../../api/meta/labels.ts'
import { compareQuantities, parseQuantity } from '../../api/meta/quantity.ts'
import type { PersistentVolume, PersistentVolumeClaim } from '../../api/types.ts'
import { isDeleting, labelsOf, nameOf, namespaceOf, uidOf } from '../objects.ts'

/** True if the volume was made for, or is bound to, this claim. */
export const isReservedFor = (volume: PersistentVolume, claim: PersistentVolumeClaim): boolean => {
  const reference = volume.spec?.claimRef
  if (reference === undefined || reference === null) return false
  const sameName = reference.name === nameOf(claim) && reference.namespace === namespaceOf(claim)
  return sameName && (!reference.uid || reference.uid === uidOf(claim))
}

const capacityOf = (volume: PersistentVolume) => parseQuantity(volume.spec?.capacity?.['storage'] ?? '0')

/** True if the claim could have the volume, whoever it is reserved for. */
export const satisfies = (volume: PersistentVolume, claim: PersistentVolumeClaim): boolean => {
  const wanted = parseQuantity(claim.spec?.resources?.requests?.['storage'] ?? '0')
  const modes = volume.spec?.accessModes ?? []
  return (
    compareQuantities(capacityOf(volume), wanted) >= 0 &&
    (claim.spec?.accessModes ?? []).every((mode) => modes.includes(mode)) &&
    (volume.spec?.storageClassName ?? '') === (claim.spec?.storageClassName ?? '') &&
    (volume.spec?.volumeMode ?? 'Filesystem') === (claim.spec?.volumeMode ?? 'Filesystem') &&
    (volume.spec?.volumeAttributesClassName ?? '') === (claim.spec?.volumeAttributesClassName ?? '')
  )
}

/** The reserved volume if there is one, or else the smallest free one that will do. */
export const chooseVolume = (
  claim: PersistentVolumeClaim,
  volumes: readonly PersistentVolume[],
): PersistentVolume | undefined => {
  const reserved = volumes.find((volume) => isReservedFor(volume, claim) && !isDeleting(volume))
  if (reserved !== undefined) return satisfies(reserved, claim) ? reserved : undefined
  const { selector } = claim.spec ?? {}
  const selects = selector === undefined || selector === null ? () => true : matcherFromLabelSelector(selector)
  const free = volumes.filter(
    (volume) =>
      (volume.spec?.claimRef === undefined || volume.spec.claimRef === null) &&
      !isDeleting(volume) &&
      volume.status?.phase === 'Available' &&
      selects(labelsOf(volume)) &&
      satisfies(volume, claim),
  )
  return free.sort((a, b) => compareQuantities(capacityOf(a), capacityOf(b)))[0]
}
