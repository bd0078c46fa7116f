/** What a volume needs. Upstream: syncVolume of pkg/controller/volume/persistentvolume. */
import { volumeModesDiffer } from '../../api/core/volume-matching.ts'
import type { PersistentVolume, PersistentVolumeClaim } from '../../api/types.ts'
import { migratedPluginOf } from '../csi-migration.ts'
import { annotationsOf, keyOf, nameOf, uidOf } from '../objects.ts'
import { boundByController, hasAnnotation, provisionedBy } from './annotations.ts'
import type { Told } from './plan-claim.ts'

export type VolumePlan =
  | { readonly type: 'available' }
  | { readonly type: 'bound' }
  /** The claim's side is not done yet. */
  | { readonly type: 'syncClaim' }
  | { readonly type: 'mismatch'; readonly volumeEvent: Told; readonly claimEvent: Told }
  /** Its claim is gone; `failure` says why nobody can reclaim it as it wants. */
  | { readonly type: 'release'; readonly failure: Told | undefined }
  /** Its claim has taken another one; `whole`: the reference was ours, so nothing of it stays. */
  | { readonly type: 'unbind'; readonly whole: boolean }

const warning = (reason: string, message: string): Told => ({ type: 'Warning', reason, message })

/** Who made a volume deletes it; for one that nobody says to have made there is no plugin that could. */
const planReclaim = (volume: PersistentVolume): Told | undefined => {
  const policy = volume.spec?.persistentVolumeReclaimPolicy ?? 'Retain'
  switch (policy) {
    case 'Retain':
      return undefined
    case 'Delete': {
      const maker = annotationsOf(volume)[provisionedBy] ?? ''
      const isExternal = maker !== '' && !maker.startsWith('kubernetes.io/')
      if (isExternal || migratedPluginOf(volume) !== undefined) return undefined
      const why = maker === '' ? 'no deletable volume plugin matched' : `no volume plugin matched name: ${maker}`
      return warning('VolumeFailedDelete', `error getting deleter volume plugin for volume "${nameOf(volume)}": ${why}`)
    }
    case 'Recycle':
      return warning('VolumeFailedRecycle', 'No recycler plugin found for the volume!')
    default:
      return warning('VolumeUnknownReclaimPolicy', 'Volume has an unrecognized PersistentVolumeReclaimPolicy')
  }
}

const release = (volume: PersistentVolume): VolumePlan => ({ type: 'release', failure: planReclaim(volume) })

const planMismatch = (volume: PersistentVolume, claim: PersistentVolumeClaim): VolumePlan => {
  const [volumeName, claimKey] = [nameOf(volume), keyOf(claim)]
  const why = 'due to incompatible volumeMode'
  return {
    type: 'mismatch',
    volumeEvent: warning(
      'VolumeMismatch',
      `Cannot bind PersistentVolume to requested PersistentVolumeClaim "${nameOf(claim)}" ${why}.`,
    ),
    claimEvent: warning(
      'VolumeMismatch',
      `Cannot bind PersistentVolume "${volumeName}" to requested PersistentVolumeClaim "${claimKey}" ${why}.`,
    ),
  }
}

/** `claim`: the one that the volume's reference names now, whatever its uid; undefined if there is none. */
export const planVolume = (volume: PersistentVolume, claim: PersistentVolumeClaim | undefined): VolumePlan => {
  const reference = volume.spec?.claimRef
  if (!reference?.uid) return { type: 'available' }
  if (claim === undefined || uidOf(claim) !== reference.uid) return release(volume)
  const claimed = claim.spec?.volumeName ?? ''
  if (claimed === nameOf(volume)) return { type: 'bound' }
  if (claimed === '') return volumeModesDiffer(volume, claim) ? planMismatch(volume, claim) : { type: 'syncClaim' }
  // Made for the claim, which meanwhile has got another one.
  if (hasAnnotation(volume, provisionedBy) && volume.spec?.persistentVolumeReclaimPolicy === 'Delete')
    return release(volume)
  return { type: 'unbind', whole: hasAnnotation(volume, boundByController) }
}
