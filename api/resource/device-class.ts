import { defineKind } from '../kind.ts'
import { ageColumn, nameColumn } from '../printers/columns.ts'
import type { DeviceClass } from '../types.ts'
import { validateDeviceClass } from './validation.ts'

export const deviceClassKind = defineKind<DeviceClass>({
  group: 'resource.k8s.io',
  version: 'v1',
  kind: 'DeviceClass',
  plural: 'deviceclasses',
  scope: 'Cluster',
  hasGeneration: true,
  validate: validateDeviceClass,
  columns: [nameColumn, ageColumn],
})
