import { persistentVolumeWarnings } from './warnings/volumes.ts'
import { defineKind } from '../kind.ts'
import { ageColumn, column, nameColumn, textOr, wideColumn } from '../printers/columns.ts'
import { serverStatus } from '../strategy.ts'
import type { PersistentVolume } from '../types.ts'
import { setPersistentVolumeSourceDefaults } from './pod-spec/volume-defaults.ts'
import { accessModesText, phaseText } from './volume-columns.ts'
import { storageClassOf } from './volume-matching.ts'
import { validatePersistentVolume, validatePersistentVolumeUpdate } from './volume-validation.ts'

const setDefaults = (volume: PersistentVolume): void => {
  const spec = (volume.spec ??= {})
  setPersistentVolumeSourceDefaults(spec)
  spec.persistentVolumeReclaimPolicy ||= 'Retain'
  spec.volumeMode ??= 'Filesystem'
  volume.status ??= {}
  volume.status.phase ||= 'Pending'
}

const claimText = ({ spec }: PersistentVolume): string =>
  spec?.claimRef === undefined ? '' : `${spec.claimRef.namespace ?? ''}/${spec.claimRef.name ?? ''}`

export const persistentVolumeKind = defineKind<PersistentVolume>({
  group: '',
  version: 'v1',
  kind: 'PersistentVolume',
  plural: 'persistentvolumes',
  scope: 'Cluster',
  shortNames: ['pv'],
  subresources: ['status'],
  setDefaults,
  ...serverStatus<PersistentVolume>(() => ({ phase: 'Pending' })),
  validate: validatePersistentVolume,
  validateUpdate: validatePersistentVolumeUpdate,
  warnings: persistentVolumeWarnings,
  columns: [
    nameColumn,
    column('Capacity', 'Size of the volume.', ({ spec }) => spec?.capacity?.storage ?? ''),
    column('Access Modes', 'Ways the volume can be mounted.', ({ spec }) => accessModesText(spec?.accessModes)),
    column('Reclaim Policy', 'What becomes of the volume when its claim goes.', ({ spec }) =>
      textOr(spec?.persistentVolumeReclaimPolicy, ''),
    ),
    column('Status', 'Whether the volume is bound.', (volume) => phaseText(volume, volume.status?.phase)),
    column('Claim', 'The claim that it is bound to.', claimText),
    column('StorageClass', 'Storage class of the volume.', (volume) => storageClassOf(volume)),
    column('VolumeAttributesClass', 'Attributes class of the volume.', ({ spec }) =>
      textOr(spec?.volumeAttributesClassName, '<unset>'),
    ),
    column('Reason', 'Why the volume failed.', ({ status }) => status?.reason ?? ''),
    ageColumn,
    wideColumn('VolumeMode', 'File system or block device.', ({ spec }) => textOr(spec?.volumeMode, '<unset>')),
  ],
})
