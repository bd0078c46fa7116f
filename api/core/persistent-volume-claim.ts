import { defineKind } from '../kind.ts'
import type { PersistentVolumeClaim } from '../types.ts'

export const persistentVolumeClaimKind = defineKind<PersistentVolumeClaim>({
  group: '',
  version: 'v1',
  kind: 'PersistentVolumeClaim',
  plural: 'persistentvolumeclaims',
  scope: 'Namespaced',
  shortNames: ['pvc'],
  subresources: ['status'],
})
