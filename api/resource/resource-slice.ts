import { defineKind } from '../kind.ts'
import { ageColumn, column, nameColumn, textOr } from '../printers/columns.ts'
import type { ResourceSlice } from '../types.ts'
import { validateResourceSlice, validateResourceSliceUpdate } from './validation.ts'

export const resourceSliceKind = defineKind<ResourceSlice>({
  group: 'resource.k8s.io',
  version: 'v1',
  kind: 'ResourceSlice',
  plural: 'resourceslices',
  scope: 'Cluster',
  hasGeneration: true,
  selectableFields: {
    'spec.nodeName': ({ spec }) => spec?.nodeName ?? '',
    'spec.driver': ({ spec }) => spec?.driver ?? '',
  },
  notSelectable: (field) => `field label not supported for resource.k8s.io/v1, Kind=ResourceSlice: ${field}`,
  validate: validateResourceSlice,
  validateUpdate: validateResourceSliceUpdate,
  columns: [
    nameColumn,
    column('Node', 'Node that has the devices.', ({ spec }) => textOr(spec?.nodeName, '<unset>')),
    column('Driver', 'Driver of the devices.', ({ spec }) => spec?.driver ?? ''),
    column('Pool', 'Pool that the devices belong to.', ({ spec }) => spec?.pool?.name ?? ''),
    ageColumn,
  ],
})
