/** What makes a volume suit a claim: for who binds them, and for who looks ahead. Upstream: component-helpers/storage/volume. */
import { compareQuantities, parseQuantity, type Quantity } from '../meta/quantity.ts'
import type { PersistentVolume, PersistentVolumeClaim } from '../types.ts'

const classAnnotation = 'volume.beta.kubernetes.io/storage-class'

/** The class, which the older annotation says before the field does; '' is none. */
export const storageClassOf = ({ metadata, spec }: PersistentVolume | PersistentVolumeClaim): string =>
  metadata?.annotations?.[classAnnotation] ?? spec?.storageClassName ?? ''

/**
 * True if the volume was made for, or is bound to, this claim; a reservation without uid is for any claim of the name.
 * Upstream: IsVolumeBoundToClaim.
 */
export const isReservedFor = ({ spec }: PersistentVolume, { metadata }: PersistentVolumeClaim): boolean => {
  const reference = spec?.claimRef
  if (reference === undefined || reference === null) return false
  if (reference.name !== metadata?.name || reference.namespace !== metadata?.namespace) return false
  return !reference.uid || reference.uid === metadata?.uid
}

export const capacityOf = ({ spec }: PersistentVolume): Quantity => parseQuantity(spec?.capacity?.['storage'] ?? '0')

export const requestedStorage = ({ spec }: PersistentVolumeClaim): Quantity =>
  parseQuantity(spec?.resources?.requests?.['storage'] ?? '0')

export const isTooSmall = (volume: PersistentVolume, claim: PersistentVolumeClaim): boolean =>
  compareQuantities(capacityOf(volume), requestedStorage(claim)) < 0

export const volumeModesDiffer = (volume: PersistentVolume, claim: PersistentVolumeClaim): boolean =>
  (volume.spec?.volumeMode ?? 'Filesystem') !== (claim.spec?.volumeMode ?? 'Filesystem')

export const attributesDiffer = (volume: PersistentVolume, claim: PersistentVolumeClaim): boolean =>
  (volume.spec?.volumeAttributesClassName ?? '') !== (claim.spec?.volumeAttributesClassName ?? '')

export const hasAccessModes = (volume: PersistentVolume, claim: PersistentVolumeClaim): boolean => {
  const modes = volume.spec?.accessModes ?? []
  return (claim.spec?.accessModes ?? []).every((mode) => modes.includes(mode))
}
