import { defineKind } from '../kind.ts'
import type { ReplicaSet } from '../types.ts'

export const replicaSetKind = defineKind<ReplicaSet>({
  group: 'apps',
  version: 'v1',
  kind: 'ReplicaSet',
  plural: 'replicasets',
  scope: 'Namespaced',
  shortNames: ['rs'],
  categories: ['all'],
  subresources: ['status', 'scale'],
  hasGeneration: true,
  selectableFields: { 'status.replicas': (rs) => String(rs.status?.replicas ?? 0) },
})
