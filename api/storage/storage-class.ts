import { nodeSelectorWarnings } from '../core/warnings/node-labels.ts'
import { child } from '../meta/field-error.ts'
import { defineKind } from '../kind.ts'
import { ageColumn, column, nameColumn, textOr } from '../printers/columns.ts'
import type { StorageClass } from '../types.ts'
import { isDefaultStorageClass } from './default-class.ts'
import { validateStorageClass, validateStorageClassUpdate } from './validation.ts'

const warnings = ({ allowedTopologies }: StorageClass): readonly string[] =>
  (allowedTopologies ?? []).flatMap(({ matchLabelExpressions }, index) =>
    (matchLabelExpressions ?? []).flatMap(({ key }, at) =>
      nodeSelectorWarnings({ [key]: '' }, () => child('allowedTopologies', index, 'matchLabelExpressions', at)),
    ),
  )

export const storageClassKind = defineKind<StorageClass>({
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'StorageClass',
  plural: 'storageclasses',
  scope: 'Cluster',
  shortNames: ['sc'],
  setDefaults: (storageClass) => {
    storageClass.reclaimPolicy ??= 'Delete'
    storageClass.volumeBindingMode ??= 'Immediate'
  },
  validate: validateStorageClass,
  validateUpdate: validateStorageClassUpdate,
  warnings,
  columns: [
    {
      ...nameColumn,
      cell: (storageClass: StorageClass) =>
        `${storageClass.metadata?.name ?? ''}${isDefaultStorageClass(storageClass) ? ' (default)' : ''}`,
    },
    column('Provisioner', 'Who makes the volumes.', ({ provisioner }) => provisioner),
    column('ReclaimPolicy', 'What becomes of a volume when its claim goes.', ({ reclaimPolicy }) =>
      textOr(reclaimPolicy, 'Delete'),
    ),
    column('VolumeBindingMode', 'When volumes are bound.', ({ volumeBindingMode }) =>
      textOr(volumeBindingMode, 'Immediate'),
    ),
    column(
      'AllowVolumeExpansion',
      'Whether volumes can grow.',
      ({ allowVolumeExpansion }) => allowVolumeExpansion ?? false,
    ),
    ageColumn,
  ],
})
