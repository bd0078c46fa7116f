/** Persistent volumes that are folders of this machine: hostPath and local. Others need a plugin and are refused by name. */
import type { Volume } from '../../api/types.ts'
import type { ObjectSource } from '../container/objects.ts'
import type { BoundPod } from '../pod.ts'
import { prepareHostPath } from './host-path.ts'
import type { MountedVolume } from './mounted-volume.ts'
import { setVolumeOwnership } from './ownership.ts'
import { VolumeError } from './payload.ts'

export interface ClaimReference {
  readonly name: string
  readonly readOnly: boolean
}

/** The claim that a volume stands for: named, or made for this Pod (ephemeral); undefined for other volumes. */
export const claimOf = (pod: BoundPod, volume: Volume): ClaimReference | undefined => {
  if (volume.ephemeral !== undefined) return { name: `${pod.metadata.name}-${volume.name}`, readOnly: false }
  const claim = volume.persistentVolumeClaim
  return claim === undefined ? undefined : { name: claim.claimName, readOnly: claim.readOnly === true }
}

/** Throws VolumeError while the claim is not bound, or is bound to a volume of another kind. */
export const mountClaim = async (
  pod: BoundPod,
  claim: ClaimReference,
  objects: ObjectSource,
): Promise<MountedVolume> => {
  const found = await objects.claim(pod.metadata.namespace, claim.name)
  if (found === undefined) throw new VolumeError(`persistentvolumeclaim "${claim.name}" not found`)
  const volumeName = found.spec?.volumeName
  if (found.status?.phase !== 'Bound' || volumeName === undefined) {
    throw new VolumeError(`PVC ${pod.metadata.namespace}/${claim.name} is not bound`)
  }
  const volume = await objects.persistentVolume(volumeName)
  if (volume === undefined) throw new VolumeError(`persistentvolume "${volumeName}" not found`)
  const { hostPath, local } = volume.spec ?? {}
  const path = hostPath?.path ?? local?.path
  if (path === undefined)
    throw new VolumeError(`persistent volume ${volumeName}: its kind of storage is not implemented by kubets`)
  await prepareHostPath(path, hostPath === undefined ? 'Directory' : (hostPath.type ?? ''))
  const fsGroup = pod.spec.securityContext?.fsGroup
  // Upstream leaves hostPath alone: its folder may be anyone's.
  if (local !== undefined && fsGroup !== undefined) {
    await setVolumeOwnership(path, fsGroup, pod.spec.securityContext?.fsGroupChangePolicy)
  }
  return { hostPath: path, readOnly: claim.readOnly }
}
