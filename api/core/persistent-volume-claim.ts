import { validateClaimStatusUpdate } from './validate-status.ts'
import { claimWarnings } from './warnings/volumes.ts'
import { defineKind } from '../kind.ts'
import { ageColumn, column, nameColumn, textOr, wideColumn } from '../printers/columns.ts'
import { serverStatus } from '../strategy.ts'
import type { PersistentVolumeClaim } from '../types.ts'
import { accessModesText, phaseText } from './volume-columns.ts'
import { storageClassOf } from './volume-matching.ts'
import { validatePersistentVolumeClaim, validatePersistentVolumeClaimUpdate } from './volume-validation.ts'

/** Also for the claim templates of StatefulSets. */
export const setPersistentVolumeClaimDefaults = (claim: PersistentVolumeClaim): void => {
  const spec = (claim.spec ??= {})
  spec.volumeMode ??= 'Filesystem'
  spec.resources ??= {}
  claim.status ??= {}
  claim.status.phase ||= 'Pending'
}

/** A data source of one form is shown in both. Upstream: NormalizeDataSources. */
const normalizeDataSources = (claim: PersistentVolumeClaim): void => {
  const spec = claim.spec
  if (spec === undefined) return
  const { dataSource, dataSourceRef } = spec
  if (dataSource !== undefined && dataSourceRef === undefined) spec.dataSourceRef = { ...dataSource }
  else if (dataSource === undefined && dataSourceRef !== undefined && (dataSourceRef.namespace ?? '') === '') {
    const { namespace: _none, ...source } = dataSourceRef
    spec.dataSource = source
  }
}

const status = serverStatus<PersistentVolumeClaim>(() => ({ phase: 'Pending' }))

const isBound = (claim: PersistentVolumeClaim): boolean => (claim.spec?.volumeName ?? '') !== ''

export const persistentVolumeClaimKind = defineKind<PersistentVolumeClaim>({
  group: '',
  version: 'v1',
  kind: 'PersistentVolumeClaim',
  plural: 'persistentvolumeclaims',
  scope: 'Namespaced',
  shortNames: ['pvc'],
  subresources: ['status'],
  setDefaults: setPersistentVolumeClaimDefaults,
  prepareForCreate: (claim) => {
    status.prepareForCreate(claim)
    normalizeDataSources(claim)
  },
  prepareForUpdate: (claim, old) => {
    status.prepareForUpdate(claim, old)
    normalizeDataSources(claim)
  },
  validate: validatePersistentVolumeClaim,
  validateUpdate: validatePersistentVolumeClaimUpdate,
  validateStatusUpdate: validateClaimStatusUpdate,
  warnings: claimWarnings,
  columns: [
    nameColumn,
    column('Status', 'Whether the claim is bound.', (claim) => phaseText(claim, claim.status?.phase)),
    column('Volume', 'The volume that it is bound to.', ({ spec }) => spec?.volumeName ?? ''),
    column('Capacity', 'Size of the volume.', (claim) =>
      isBound(claim) ? (claim.status?.capacity?.storage ?? '') : '',
    ),
    column('Access Modes', 'Ways the volume can be mounted.', (claim) =>
      isBound(claim) ? accessModesText(claim.status?.accessModes) : '',
    ),
    column('StorageClass', 'Storage class that the claim asks for.', (claim) => storageClassOf(claim)),
    column('VolumeAttributesClass', 'Attributes class that the claim asks for.', ({ spec }) =>
      textOr(spec?.volumeAttributesClassName, '<unset>'),
    ),
    ageColumn,
    wideColumn('VolumeMode', 'File system or block device.', ({ spec }) => textOr(spec?.volumeMode, '<unset>')),
  ],
})
