/** Which volume a claim gets. Upstream: component-helpers/storage/volume. */
import { matcherFromLabelSelector } from '../../api/meta/labels.ts'
import { compareQuantities, parseQuantity } from '../../api/meta/quantity.ts'
import type { PersistentVolume, PersistentVolumeClaim } from '../../api/types.ts'
import { isDeleting, labelsOf, nameOf, namespaceOf, uidOf } from '../objects.ts'
import { classOf } from './annotations.ts'

/** True if the volume was made for, or is bound to, this claim. Upstream: IsVolumeBoundToClaim. */
export const isReservedFor = ({ spec }: PersistentVolume, claim: PersistentVolumeClaim): boolean => {
  const reference = spec?.claimRef
  if (reference === undefined || reference === null) return false
  const sameName = reference.name === nameOf(claim) && reference.namespace === namespaceOf(claim)
  return sameName && (!reference.uid || reference.uid === uidOf(claim))
}

const capacityOf = ({ spec }: PersistentVolume) => parseQuantity(spec?.capacity?.['storage'] ?? '0')

const isTooSmall = (volume: PersistentVolume, { spec }: PersistentVolumeClaim): boolean =>
  compareQuantities(capacityOf(volume), parseQuantity(spec?.resources?.requests?.['storage'] ?? '0')) < 0

export const volumeModesDiffer = (volume: PersistentVolume, claim: PersistentVolumeClaim): boolean =>
  (volume.spec?.volumeMode ?? 'Filesystem') !== (claim.spec?.volumeMode ?? 'Filesystem')

const attributesDiffer = (volume: PersistentVolume, claim: PersistentVolumeClaim): boolean =>
  (volume.spec?.volumeAttributesClassName ?? '') !== (claim.spec?.volumeAttributesClassName ?? '')

const hasAccessModes = (volume: PersistentVolume, claim: PersistentVolumeClaim): boolean => {
  const modes = volume.spec?.accessModes ?? []
  return (claim.spec?.accessModes ?? []).every((mode) => modes.includes(mode))
}

/** Why a claim cannot have the volume that it names; undefined if it can. Upstream: checkVolumeSatisfyClaim. */
export const mismatch = (volume: PersistentVolume, claim: PersistentVolumeClaim): string | undefined => {
  if (isDeleting(volume)) return `the volume is marked for deletion "${nameOf(volume)}"`
  if (isTooSmall(volume, claim)) return 'requested PV is too small'
  if (classOf(volume) !== classOf(claim)) return 'storageClassName does not match'
  if (attributesDiffer(volume, claim)) return 'volumeAttributesClassName does not match'
  if (volumeModesDiffer(volume, claim)) return 'incompatible volumeMode'
  return hasAccessModes(volume, claim) ? undefined : 'incompatible accessMode'
}

/**
 * The volume that is reserved for the claim if it is large enough, or else the smallest free one that will do. Where
 * binding waits for a consumer the scheduler chooses among the free ones.
 */
export const chooseVolume = (
  claim: PersistentVolumeClaim,
  volumes: readonly PersistentVolume[],
  waits: boolean,
): PersistentVolume | undefined => {
  const possible = volumes.filter(
    (volume) =>
      !isDeleting(volume) &&
      !isTooSmall(volume, claim) &&
      !volumeModesDiffer(volume, claim) &&
      !attributesDiffer(volume, claim) &&
      hasAccessModes(volume, claim),
  )
  const reserved = possible.find((volume) => isReservedFor(volume, claim))
  if (reserved !== undefined || waits) return reserved
  const { selector } = claim.spec ?? {}
  const selects = selector === undefined || selector === null ? () => true : matcherFromLabelSelector(selector)
  const free = possible.filter(
    (volume) =>
      (volume.spec?.claimRef === undefined || volume.spec.claimRef === null) &&
      volume.status?.phase === 'Available' &&
      classOf(volume) === classOf(claim) &&
      selects(labelsOf(volume)),
  )
  return free.sort((a, b) => compareQuantities(capacityOf(a), capacityOf(b)))[0]
}
