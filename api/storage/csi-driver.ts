import { defineKind } from '../kind.ts'
import type { CSIDriver } from '../types.ts'

export const csiDriverKind = defineKind<CSIDriver>({
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'CSIDriver',
  plural: 'csidrivers',
  scope: 'Cluster',
  allowUnconditionalUpdate: false,
})
