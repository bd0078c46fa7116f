import { defineKind } from '../kind.ts'
import type { ReplicationController } from '../types.ts'

export const replicationControllerKind = defineKind<ReplicationController>({
  group: '',
  version: 'v1',
  kind: 'ReplicationController',
  plural: 'replicationcontrollers',
  scope: 'Namespaced',
  shortNames: ['rc'],
  categories: ['all'],
  subresources: ['status', 'scale'],
  hasGeneration: true,
  defaultGarbageCollection: 'orphan',
  selectableFields: { 'status.replicas': (rc) => String(rc.status?.replicas ?? 0) },
})
