import { defineKind } from '../kind.ts'
import { isValidPathSegmentName } from '../meta/names.ts'
import { createdAtColumn, nameColumn } from '../printers/columns.ts'
import type { Role } from '../types.ts'
import { validateRole } from './validation.ts'

export const roleKind = defineKind<Role>({
  group: 'rbac.authorization.k8s.io',
  version: 'v1',
  kind: 'Role',
  plural: 'roles',
  scope: 'Namespaced',
  allowCreateOnUpdate: true,
  validateName: isValidPathSegmentName,
  validate: validateRole,
  columns: [nameColumn, createdAtColumn],
})
