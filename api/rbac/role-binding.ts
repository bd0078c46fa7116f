import { defineKind } from '../kind.ts'
import { isValidPathSegmentName } from '../meta/names.ts'
import type { RoleBinding } from '../types.ts'
import { bindingColumns, setBindingDefaults } from './binding-parts.ts'
import { validateBindingUpdate, validateRoleBinding } from './validation.ts'

export const roleBindingKind = defineKind<RoleBinding>({
  group: 'rbac.authorization.k8s.io',
  version: 'v1',
  kind: 'RoleBinding',
  plural: 'rolebindings',
  scope: 'Namespaced',
  allowCreateOnUpdate: true,
  validateName: isValidPathSegmentName,
  setDefaults: setBindingDefaults,
  validate: validateRoleBinding,
  validateUpdate: validateBindingUpdate,
  columns: bindingColumns,
})
