import { defineKind } from '../kind.ts'
import type { PersistentVolume } from '../types.ts'

export const persistentVolumeKind = defineKind<PersistentVolume>({
  group: '',
  version: 'v1',
  kind: 'PersistentVolume',
  plural: 'persistentvolumes',
  scope: 'Cluster',
  shortNames: ['pv'],
  subresources: ['status'],
})
