import { defineKind } from '../kind.ts'
import { ageColumn, column, nameColumn } from '../printers/columns.ts'
import type { CSIDriver } from '../types.ts'
import { validateCSIDriver, validateCSIDriverUpdate } from './validation.ts'

const setDefaults = (driver: CSIDriver): void => {
  const spec = (driver.spec ??= {})
  spec.attachRequired ??= true
  spec.podInfoOnMount ??= false
  spec.storageCapacity ??= false
  spec.fsGroupPolicy ??= 'ReadWriteOnceWithFSType'
  if ((spec.volumeLifecycleModes ?? []).length === 0) spec.volumeLifecycleModes = ['Persistent']
  spec.requiresRepublish ??= false
  spec.seLinuxMount ??= false
}

const audiences = ({ spec }: CSIDriver): string => {
  const tokens = spec?.tokenRequests
  return tokens === undefined ? '<unset>' : tokens.map(({ audience }) => audience).join(',')
}

const modes = ({ spec }: CSIDriver): string => {
  const all = spec?.volumeLifecycleModes ?? []
  return all.length === 0 ? '<none>' : all.join(',')
}

export const csiDriverKind = defineKind<CSIDriver>({
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'CSIDriver',
  plural: 'csidrivers',
  scope: 'Cluster',
  allowUnconditionalUpdate: false,
  setDefaults,
  validate: validateCSIDriver,
  validateUpdate: validateCSIDriverUpdate,
  columns: [
    nameColumn,
    column(
      'AttachRequired',
      'Whether volumes must be attached first.',
      ({ spec }) => spec?.attachRequired ?? true,
      'boolean',
    ),
    column(
      'PodInfoOnMount',
      'Whether the driver is told about the Pod.',
      ({ spec }) => spec?.podInfoOnMount ?? false,
      'boolean',
    ),
    column(
      'StorageCapacity',
      'Whether scheduling looks at its capacity.',
      ({ spec }) => spec?.storageCapacity ?? false,
      'boolean',
    ),
    column('TokenRequests', 'Audiences of the tokens that it gets.', audiences),
    column(
      'RequiresRepublish',
      'Whether it wants to be called again and again.',
      ({ spec }) => spec?.requiresRepublish ?? false,
      'boolean',
    ),
    column('Modes', 'Life cycles of its volumes.', modes),
    ageColumn,
  ],
})
