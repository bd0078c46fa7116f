import { defineKind } from '../kind.ts'
import { ageColumn, column, nameColumn } from '../printers/columns.ts'
import type { VolumeAttributesClass } from '../types.ts'
import { validateVolumeAttributesClass, validateVolumeAttributesClassUpdate } from './validation.ts'

const defaultAnnotation = 'volumeattributesclass.alpha.kubernetes.io/is-default-class'

export const volumeAttributesClassKind = defineKind<VolumeAttributesClass>({
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'VolumeAttributesClass',
  plural: 'volumeattributesclasses',
  scope: 'Cluster',
  shortNames: ['vac'],
  validate: validateVolumeAttributesClass,
  validateUpdate: validateVolumeAttributesClassUpdate,
  columns: [
    {
      ...nameColumn,
      cell: (attributes: VolumeAttributesClass) =>
        `${attributes.metadata?.name ?? ''}${attributes.metadata?.annotations?.[defaultAnnotation] === 'true' ? ' (default)' : ''}`,
    },
    column('DriverName', 'Driver that understands the parameters.', ({ driverName }) => driverName),
    ageColumn,
  ],
})
