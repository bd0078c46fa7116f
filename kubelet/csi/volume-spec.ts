/** What is to be mounted: a CSI volume of a PersistentVolume, or one that lives and dies with its Pod. Pure. */
import { createHash } from 'node:crypto'
import type { CSIDriver, PersistentVolume, Volume } from '../../api/types.ts'
import type { BoundPod } from '../pod.ts'
import { VolumeError } from '../volumes/payload.ts'
import { accessMode, type VolumeCapability } from './messages.ts'
import type { CsiDriver } from './drivers.ts'

export interface SecretReference {
  readonly namespace: string
  readonly name: string
}

export interface CsiVolumeSpec {
  readonly driver: string
  readonly handle: string
  /** Name of the PersistentVolume, or of the volume in the Pod. */
  readonly name: string
  readonly lifecycle: 'Persistent' | 'Ephemeral'
  readonly readOnly: boolean
  /** A raw block device rather than a file system. */
  readonly isBlock: boolean
  readonly fsType: string
  readonly mountOptions: readonly string[]
  readonly accessModes: readonly string[]
  readonly attributes: Readonly<Record<string, string>>
  readonly stageSecret: SecretReference | undefined
  readonly publishSecret: SecretReference | undefined
  readonly expandSecret: SecretReference | undefined
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

const reference = (ref: { name?: string; namespace?: string } | undefined): SecretReference | undefined =>
  ref?.name === undefined || ref.name === '' ? undefined : { name: ref.name, namespace: ref.namespace ?? '' }

/** Undefined for a PersistentVolume of another kind. */
export const persistentSpec = (volume: PersistentVolume, readOnly: boolean): CsiVolumeSpec | undefined => {
  const { csi, accessModes = [], mountOptions = [], volumeMode } = volume.spec ?? {}
  if (csi === undefined) return undefined
  const name = volume.metadata?.name ?? ''
  return {
    driver: csi.driver,
    handle: csi.volumeHandle,
    name,
    lifecycle: 'Persistent',
    readOnly: readOnly || csi.readOnly === true,
    isBlock: volumeMode === 'Block',
    fsType: csi.fsType ?? '',
    mountOptions,
    accessModes,
    attributes: csi.volumeAttributes ?? {},
    stageSecret: reference(csi.nodeStageSecretRef),
    publishSecret: reference(csi.nodePublishSecretRef),
    expandSecret: reference(csi.nodeExpandSecretRef),
  }
}

export const inlineSpec = (pod: BoundPod, { name, csi }: Volume): CsiVolumeSpec | undefined => {
  if (csi === undefined) return undefined
  const { uid, namespace } = pod.metadata
  const secret = csi.nodePublishSecretRef?.name
  return {
    driver: csi.driver,
    // Upstream's handle, by which drivers know such volumes.
    handle: `csi-${sha256(`${name}${namespace}/${uid}`)}`,
    name,
    lifecycle: 'Ephemeral',
    readOnly: csi.readOnly === true,
    isBlock: false,
    fsType: csi.fsType ?? '',
    mountOptions: [],
    accessModes: ['ReadWriteOnce'],
    attributes: csi.volumeAttributes ?? {},
    stageSecret: undefined,
    publishSecret: secret === undefined ? undefined : { name: secret, namespace },
    expandSecret: undefined,
  }
}

/** The VolumeAttachment by which the volume is attached to a node. */
export const attachmentName = ({ handle, driver }: CsiVolumeSpec, nodeName: string): string =>
  `csi-${sha256(`${handle}${driver}${nodeName}`)}`

/** Where its driver stages it on this node, below the folder of the driver. */
export const stagingFolder = (handle: string): string => sha256(handle)

/** Whether the driver serves volumes of that life. Without its CSIDriver only persistent ones can be. */
export const checkLifecycle = ({ driver, lifecycle }: CsiVolumeSpec, object: CSIDriver | undefined): void => {
  if (object === undefined) {
    if (lifecycle === 'Persistent') return
    throw new VolumeError(`volume mode "Ephemeral" not supported by driver ${driver} (no CSIDriver object)`)
  }
  const modes = object.spec.volumeLifecycleModes ?? ['Persistent']
  if (modes.includes(lifecycle)) return
  throw new VolumeError(
    `volume mode "${lifecycle}" not supported by driver ${driver} (only supports [${modes.map((mode) => JSON.stringify(mode)).join(' ')}])`,
  )
}

const modeOf = ({ accessModes }: CsiVolumeSpec, driver: CsiDriver): number => {
  const single = driver.has('singleNodeMultiWriter')
  if (accessModes.includes('ReadWriteMany')) return accessMode.multiNodeMultiWriter
  if (accessModes.includes('ReadWriteOnce'))
    return single ? accessMode.singleNodeMultiWriter : accessMode.singleNodeWriter
  if (accessModes.includes('ReadWriteOncePod')) {
    return single ? accessMode.singleNodeSingleWriter : accessMode.singleNodeWriter
  }
  return accessModes.includes('ReadOnlyMany') ? accessMode.multiNodeReaderOnly : accessMode.singleNodeWriter
}

/** A driver that can give the volume to a group does it itself. */
export const capabilityOf = (
  spec: CsiVolumeSpec,
  driver: CsiDriver,
  fsGroup: number | undefined,
): VolumeCapability => ({
  ...(spec.isBlock
    ? { block: {} }
    : {
        mount: {
          fsType: spec.fsType,
          mountFlags: spec.mountOptions,
          volumeMountGroup: fsGroup !== undefined && driver.has('volumeMountGroup') ? String(fsGroup) : '',
        },
      }),
  accessMode: { mode: modeOf(spec, driver) },
})

/** Whether the kubelet gives the files to fsGroup, by CSIDriver.spec.fsGroupPolicy. */
export const appliesFsGroup = (spec: CsiVolumeSpec, driver: CsiDriver, object: CSIDriver | undefined): boolean => {
  if (driver.has('volumeMountGroup') || spec.readOnly || spec.isBlock) return false
  const policy = object?.spec.fsGroupPolicy ?? 'ReadWriteOnceWithFSType'
  if (policy !== 'ReadWriteOnceWithFSType') return policy === 'File'
  return spec.fsType !== '' && spec.accessModes.includes('ReadWriteOnce')
}

/** What a driver with podInfoOnMount is told of the Pod. */
export const podInfo = ({ metadata, spec }: BoundPod, { lifecycle }: CsiVolumeSpec): Record<string, string> => ({
  'csi.storage.k8s.io/pod.name': metadata.name,
  'csi.storage.k8s.io/pod.namespace': metadata.namespace,
  'csi.storage.k8s.io/pod.uid': metadata.uid,
  'csi.storage.k8s.io/serviceAccount.name': spec.serviceAccountName ?? '',
  'csi.storage.k8s.io/ephemeral': String(lifecycle === 'Ephemeral'),
})
