import { defineKind } from '../kind.ts'
import { isValidPathSegmentName } from '../meta/names.ts'
import { createdAtColumn, nameColumn } from '../printers/columns.ts'
import type { ClusterRole } from '../types.ts'
import { validateClusterRole } from './validation.ts'

export const clusterRoleKind = defineKind<ClusterRole>({
  group: 'rbac.authorization.k8s.io',
  version: 'v1',
  kind: 'ClusterRole',
  plural: 'clusterroles',
  scope: 'Cluster',
  allowCreateOnUpdate: true,
  validateName: isValidPathSegmentName,
  validate: validateClusterRole,
  columns: [nameColumn, createdAtColumn],
})
