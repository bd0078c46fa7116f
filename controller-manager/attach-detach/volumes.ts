/** Which volumes the Pods of a Node need attached, under the names that CSI's parts know them by. */
import { createHash } from 'node:crypto'
import type { CSIDriver, PersistentVolume, PersistentVolumeClaim, Pod, VolumeAttachment } from '../../api/types.ts'
import { isControlledBy } from '../../api/meta/owners.ts'
import { keyOf, nameOf } from '../objects.ts'
import { areBound, claimKeyOf, csiVolumeName, isDoneWithVolumes } from '../pod-volumes.ts'

export interface AttachableVolume {
  /** As `status.volumesAttached` and `status.volumesInUse` of a Node say it. */
  readonly uniqueName: string
  readonly driver: string
  readonly handle: string
  readonly volume: PersistentVolume
}

/** A volume, and the Pods of the Node that need it. */
export interface WantedVolume extends AttachableVolume {
  readonly pods: readonly Pod[]
}

/** Undefined for volumes that need no attaching; a driver that says nothing about itself needs it. */
export const attachableOf = (
  volume: PersistentVolume,
  driverOf: (name: string) => CSIDriver | undefined,
): AttachableVolume | undefined => {
  const csi = volume.spec?.csi
  if (csi === undefined || csi === null) return undefined
  if (driverOf(csi.driver)?.spec?.attachRequired === false) return undefined
  const { driver, volumeHandle: handle } = csi
  return { uniqueName: csiVolumeName(driver, handle), driver, handle, volume }
}

/** The name of the VolumeAttachment of a volume and a Node. */
export const attachmentName = ({ handle, driver }: AttachableVolume, node: string): string =>
  `csi-${createHash('sha256').update(`${handle}${driver}${node}`).digest('hex')}`

export const attachmentFor = (volume: AttachableVolume, node: string): VolumeAttachment => ({
  apiVersion: 'storage.k8s.io/v1',
  kind: 'VolumeAttachment',
  metadata: { name: attachmentName(volume, node) },
  spec: { attacher: volume.driver, nodeName: node, source: { persistentVolumeName: nameOf(volume.volume) } },
})

export interface VolumeSources {
  readonly claimOf: (key: string) => PersistentVolumeClaim | undefined
  readonly volumeOf: (name: string) => PersistentVolume | undefined
  readonly driverOf: (name: string) => CSIDriver | undefined
}

const volumeOfClaim = (pod: Pod, claimKey: string, isEphemeral: boolean, sources: VolumeSources) => {
  const claim = sources.claimOf(claimKey)
  if (claim === undefined || (isEphemeral && !isControlledBy(claim, pod))) return undefined
  const volume = sources.volumeOf(claim.spec?.volumeName ?? '')
  return volume !== undefined && areBound(claim, volume) ? volume : undefined
}

/** What the Pods of one Node need, by unique name. */
export const wantedVolumes = (pods: readonly Pod[], sources: VolumeSources): Map<string, WantedVolume> => {
  const wanted = new Map<string, WantedVolume>()
  for (const pod of [...pods].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))) {
    if (isDoneWithVolumes(pod)) continue
    for (const podVolume of pod.spec?.volumes ?? []) {
      const claimKey = claimKeyOf(pod, podVolume)
      if (claimKey === undefined) continue
      const volume = volumeOfClaim(pod, claimKey, podVolume.ephemeral !== undefined, sources)
      const attachable = volume && attachableOf(volume, sources.driverOf)
      if (attachable === undefined) continue
      const known = wanted.get(attachable.uniqueName)
      wanted.set(attachable.uniqueName, { ...attachable, pods: [...(known?.pods ?? []), pod] })
    }
  }
  return wanted
}
