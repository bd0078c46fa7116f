/** Defaults of volumes, in Pods and PersistentVolumes. Upstream: pkg/apis/core/v1/defaults.go. */
import type { PersistentVolume, Volume } from '../../types.ts'
import { defaultPullPolicy } from './image.ts'

/** 0644. */
const fileMode = 420
const tokenExpirationSeconds = 3600

type DownwardItem = NonNullable<NonNullable<Volume['downwardAPI']>['items']>[number]

const setFieldRefs = (items: readonly DownwardItem[] | undefined): void => {
  for (const { fieldRef } of items ?? []) if (fieldRef !== undefined) fieldRef.apiVersion ??= 'v1'
}

const setProjected = (projected: NonNullable<Volume['projected']>): void => {
  projected.defaultMode ??= fileMode
  for (const source of projected.sources ?? []) {
    if (source.serviceAccountToken !== undefined)
      source.serviceAccountToken.expirationSeconds ??= tokenExpirationSeconds
    setFieldRefs(source.downwardAPI?.items)
  }
}

const setEphemeral = (ephemeral: NonNullable<Volume['ephemeral']>): void => {
  const spec = ephemeral.volumeClaimTemplate?.spec
  if (spec === undefined) return
  spec.volumeMode ??= 'Filesystem'
  spec.resources ??= {}
}

type SharedSources = Partial<Pick<Volume, 'hostPath' | 'iscsi' | 'rbd' | 'azureDisk' | 'scaleIO'>>

/** Sources that Pods and PersistentVolumes both have. */
const setSharedSources = ({ hostPath, iscsi, rbd, azureDisk, scaleIO }: SharedSources): void => {
  if (hostPath !== undefined) hostPath.type ??= ''
  if (iscsi !== undefined) iscsi.iscsiInterface ??= 'default'
  if (rbd !== undefined) {
    rbd.pool ??= 'rbd'
    rbd.user ??= 'admin'
    rbd.keyring ??= '/etc/ceph/keyring'
  }
  if (azureDisk !== undefined) {
    azureDisk.cachingMode ??= 'ReadWrite'
    azureDisk.kind ??= 'Shared'
    azureDisk.fsType ??= 'ext4'
    azureDisk.readOnly ??= false
  }
  if (scaleIO !== undefined) {
    scaleIO.storageMode ??= 'ThinProvisioned'
    scaleIO.fsType ??= 'xfs'
  }
}

/** A volume without any source is an emptyDir. */
export const setVolumeDefaults = (volume: Volume): void => {
  const hasSource = Object.entries(volume).some(
    ([name, value]) => name !== 'name' && value !== undefined && value !== null,
  )
  if (!hasSource) volume.emptyDir = {}
  if (volume.secret !== undefined) volume.secret.defaultMode ??= fileMode
  if (volume.configMap !== undefined) volume.configMap.defaultMode ??= fileMode
  if (volume.downwardAPI !== undefined) {
    volume.downwardAPI.defaultMode ??= fileMode
    setFieldRefs(volume.downwardAPI.items)
  }
  if (volume.projected !== undefined) setProjected(volume.projected)
  if (volume.ephemeral !== undefined) setEphemeral(volume.ephemeral)
  if (volume.image !== undefined) volume.image.pullPolicy ??= defaultPullPolicy(volume.image.reference)
  setSharedSources(volume)
}

/** Sources of a PersistentVolume. */
export const setPersistentVolumeSourceDefaults = (spec: NonNullable<PersistentVolume['spec']>): void => {
  const { hostPath, iscsi, rbd, azureDisk, scaleIO } = spec
  if (hostPath !== undefined) hostPath.type ??= ''
  if (iscsi !== undefined) iscsi.iscsiInterface ??= 'default'
  if (rbd !== undefined) {
    rbd.pool ??= 'rbd'
    rbd.user ??= 'admin'
    rbd.keyring ??= '/etc/ceph/keyring'
  }
  if (azureDisk !== undefined) setSharedSources({ azureDisk })
  if (scaleIO !== undefined) {
    scaleIO.storageMode ??= 'ThinProvisioned'
    scaleIO.fsType ??= 'xfs'
  }
}
