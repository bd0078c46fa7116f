/**
 * Volumes of PersistentVolumeClaims: folders of this machine (hostPath, local) and volumes of CSI drivers. Others are
 * refused by name.
 */
import { quantityValue } from '../../api/meta/quantity.ts'
import { persistentVolumeClaims } from '../../api/resources.ts'
import type { PersistentVolume, PersistentVolumeClaim, Volume } from '../../api/types.ts'
import type { RestClient } from '../../client/rest/rest-client.ts'
import { type CsiVolumes, wantedGrowth } from '../csi/csi-volumes.ts'
import { type CsiVolumeSpec, persistentSpec } from '../csi/volume-spec.ts'
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

/** A share as a Pod's volume; the name is the PersistentVolume's, or the volume's in the Pod. */
export type MountNfsVolume = (
  pod: BoundPod,
  name: string,
  share: {
    readonly server: string
    readonly path: string
    readonly readOnly?: boolean | undefined
    readonly mountOptions?: readonly string[] | undefined
  },
) => Promise<MountedVolume>

export interface ClaimDeps {
  readonly objects: ObjectSource
  readonly csi: CsiVolumes
  readonly mountNfs: MountNfsVolume
  /** Writes what a claim has grown to. */
  readonly writeCapacity: (claim: PersistentVolumeClaim, storage: string) => Promise<void>
}

/** The claim that a volume stands for: named, or made for this Pod (ephemeral); undefined for other volumes. */
export const claimOf = (pod: BoundPod, volume: Volume): ClaimReference | undefined => {
  if (volume.ephemeral !== undefined) return { name: `${pod.metadata.name}-${volume.name}`, readOnly: false }
  const claim = volume.persistentVolumeClaim
  return claim === undefined ? undefined : { name: claim.claimName, readOnly: claim.readOnly === true }
}

/** Upstream: MarkFSResizeFinished. Without an API server there are no claims. */
export const capacityWriter =
  (client: RestClient | undefined): ClaimDeps['writeCapacity'] =>
  async ({ metadata, status }, storage) => {
    if (client === undefined) return
    const { name = '', namespace = '', resourceVersion } = metadata ?? {}
    const conditions = (status?.conditions ?? []).filter(
      ({ type }) => type !== 'FileSystemResizePending' && type !== 'Resizing',
    )
    const { storage: _done, ...statuses } = status?.allocatedResourceStatuses ?? {}
    await client.patch(
      persistentVolumeClaims,
      name,
      namespace,
      {
        metadata: { resourceVersion },
        status: { capacity: { storage }, conditions, allocatedResourceStatuses: statuses },
      },
      { type: 'merge', subresource: 'status' },
    )
  }

const mountFolder = async (
  pod: BoundPod,
  { spec }: PersistentVolume,
  claim: ClaimReference,
): Promise<MountedVolume | undefined> => {
  const { hostPath, local } = spec ?? {}
  const path = hostPath?.path ?? local?.path
  if (path === undefined) return undefined
  if (spec?.volumeMode === 'Block') {
    if (local === undefined) throw new VolumeError('hostPath volumes cannot be block devices')
    await prepareHostPath(path, 'BlockDevice')
    return { hostPath: path, readOnly: claim.readOnly, isDevice: true }
  }
  await prepareHostPath(path, hostPath === undefined ? 'Directory' : (hostPath.type ?? ''))
  const fsGroup = pod.spec.securityContext?.fsGroup
  // Upstream leaves hostPath alone: its folder may be anyone's.
  if (local !== undefined && fsGroup !== undefined) {
    await setVolumeOwnership(path, fsGroup, pod.spec.securityContext?.fsGroupChangePolicy)
  }
  return { hostPath: path, readOnly: claim.readOnly }
}

/** The controller has made the volume larger, and leaves the file system to us. */
const grow = async (
  pod: BoundPod,
  spec: CsiVolumeSpec,
  { claim, volume, deps }: { claim: PersistentVolumeClaim; volume: PersistentVolume; deps: ClaimDeps },
): Promise<void> => {
  const storage = volume.spec?.capacity?.['storage'] ?? '0'
  const bytes = wantedGrowth(claim, quantityValue(storage), quantityValue(claim.status?.capacity?.['storage'] ?? '0'))
  if (bytes === undefined) return
  await deps.csi.expand(pod, spec, bytes)
  await deps.writeCapacity(claim, storage)
}

/** Throws VolumeError while the claim is not bound, or is bound to a volume of another kind. */
export const mountClaim = async (pod: BoundPod, claim: ClaimReference, deps: ClaimDeps): Promise<MountedVolume> => {
  const { objects } = deps
  const found = await objects.claim(pod.metadata.namespace, claim.name)
  if (found === undefined) throw new VolumeError(`persistentvolumeclaim "${claim.name}" not found`)
  const volumeName = found.spec?.volumeName
  if (found.status?.phase !== 'Bound' || volumeName === undefined) {
    throw new VolumeError(`PVC ${pod.metadata.namespace}/${claim.name} is not bound`)
  }
  const volume = await objects.persistentVolume(volumeName)
  if (volume === undefined) throw new VolumeError(`persistentvolume "${volumeName}" not found`)
  const folder = await mountFolder(pod, volume, claim)
  if (folder !== undefined) return folder
  const { nfs, mountOptions } = volume.spec ?? {}
  if (nfs !== undefined)
    return deps.mountNfs(pod, volumeName, { ...nfs, mountOptions, readOnly: claim.readOnly || nfs.readOnly })
  const spec = persistentSpec(volume, claim.readOnly)
  if (spec === undefined) {
    throw new VolumeError(`persistent volume ${volumeName}: its kind of storage is not implemented by kubets`)
  }
  const mounted = await deps.csi.mount(pod, spec)
  await grow(pod, spec, { claim: found, volume, deps })
  return mounted
}
