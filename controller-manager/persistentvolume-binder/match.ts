/** Which volume a claim gets. Upstream: component-helpers/storage/volume. */
import {
  attributesDiffer,
  capacityOf,
  hasAccessModes,
  isReservedFor,
  isTooSmall,
  storageClassOf,
  volumeModesDiffer,
} from '../../api/core/volume-matching.ts'
import { matcherFromLabelSelector } from '../../api/meta/labels.ts'
import { compareQuantities } from '../../api/meta/quantity.ts'
import type { PersistentVolume, PersistentVolumeClaim } from '../../api/types.ts'
import { isDeleting, labelsOf, nameOf } from '../objects.ts'

/** Why a claim cannot have the volume that it names; undefined if it can. Upstream: checkVolumeSatisfyClaim. */
export const mismatch = (volume: PersistentVolume, claim: PersistentVolumeClaim): string | undefined => {
  if (isDeleting(volume)) return `the volume is marked for deletion "${nameOf(volume)}"`
  if (isTooSmall(volume, claim)) return 'requested PV is too small'
  if (storageClassOf(volume) !== storageClassOf(claim)) return 'storageClassName does not match'
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
      storageClassOf(volume) === storageClassOf(claim) &&
      selects(labelsOf(volume)),
  )
  return free.sort((a, b) => compareQuantities(capacityOf(a), capacityOf(b)))[0]
}
