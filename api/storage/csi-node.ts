import { defineKind } from '../kind.ts'
import { ageColumn, column, nameColumn } from '../printers/columns.ts'
import type { CSINode } from '../types.ts'
import { validateCSINode, validateCSINodeUpdate } from './validation.ts'

export const csiNodeKind = defineKind<CSINode>({
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'CSINode',
  plural: 'csinodes',
  scope: 'Cluster',
  allowUnconditionalUpdate: false,
  validate: validateCSINode,
  validateUpdate: validateCSINodeUpdate,
  columns: [
    nameColumn,
    column('Drivers', 'Number of drivers on the node.', ({ spec }) => (spec?.drivers ?? []).length, 'integer'),
    ageColumn,
  ],
})
