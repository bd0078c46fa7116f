import { defineKind } from '../kind.ts'
import type { CSIStorageCapacity } from '../types.ts'

export const csiStorageCapacityKind = defineKind<CSIStorageCapacity>({
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'CSIStorageCapacity',
  plural: 'csistoragecapacities',
  scope: 'Namespaced',
  allowUnconditionalUpdate: false,
})
