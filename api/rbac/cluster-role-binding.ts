import { defineKind } from '../kind.ts'
import { isValidPathSegmentName } from '../meta/names.ts'
import type { ClusterRoleBinding } from '../types.ts'
import { bindingColumns, setBindingDefaults } from './binding-parts.ts'
import { validateBindingUpdate, validateClusterRoleBinding } from './validation.ts'

export const clusterRoleBindingKind = defineKind<ClusterRoleBinding>({
  group: 'rbac.authorization.k8s.io',
  version: 'v1',
  kind: 'ClusterRoleBinding',
  plural: 'clusterrolebindings',
  scope: 'Cluster',
  allowCreateOnUpdate: true,
  validateName: isValidPathSegmentName,
  setDefaults: setBindingDefaults,
  validate: validateClusterRoleBinding,
  validateUpdate: validateBindingUpdate,
  columns: bindingColumns,
})
