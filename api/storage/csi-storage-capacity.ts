import { labelWarnings, nodeSelectorWarnings } from '../core/warnings/node-labels.ts'
import { child } from '../meta/field-error.ts'
import { defineKind } from '../kind.ts'
import { column, nameColumn } from '../printers/columns.ts'
import type { CSIStorageCapacity } from '../types.ts'
import { validateCSIStorageCapacity, validateCSIStorageCapacityUpdate } from './validation.ts'

const warnings = ({ nodeTopology }: CSIStorageCapacity): readonly string[] => [
  ...(nodeTopology?.matchExpressions ?? []).flatMap(({ key }, index) =>
    labelWarnings(key, child('nodeTopology.matchExpressions', index)),
  ),
  ...nodeSelectorWarnings(nodeTopology?.matchLabels, (label) => child('nodeTopology.matchLabels', label)),
]

export const csiStorageCapacityKind = defineKind<CSIStorageCapacity>({
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'CSIStorageCapacity',
  plural: 'csistoragecapacities',
  scope: 'Namespaced',
  allowUnconditionalUpdate: false,
  validate: validateCSIStorageCapacity,
  validateUpdate: validateCSIStorageCapacityUpdate,
  warnings,
  columns: [
    nameColumn,
    column('StorageClassName', 'Storage class that it is about.', ({ storageClassName }) => storageClassName),
    column('Capacity', 'What is left.', ({ capacity }) => capacity ?? '<unset>'),
  ],
})
