/** What RoleBinding and ClusterRoleBinding share. */
import type { PrinterColumn } from '../kind.ts'
import { ageColumn, column, nameColumn, wideColumn } from '../printers/columns.ts'
import type { ClusterRoleBinding, RoleBinding } from '../types.ts'

type AnyBinding = RoleBinding | ClusterRoleBinding

export const rbacGroup = 'rbac.authorization.k8s.io'

/** Users and groups are of RBAC's group, service accounts of the core group. */
export const setBindingDefaults = (binding: AnyBinding): void => {
  if (binding.roleRef !== undefined) binding.roleRef.apiGroup ||= rbacGroup
  for (const subject of binding.subjects ?? []) {
    if ((subject.apiGroup ?? '') === '' && (subject.kind === 'User' || subject.kind === 'Group')) {
      subject.apiGroup = rbacGroup
    }
  }
}

const subjectNames = (binding: AnyBinding, kind: string): string =>
  (binding.subjects ?? [])
    .filter((subject) => subject.kind === kind)
    .map((subject) => (kind === 'ServiceAccount' ? `${subject.namespace ?? ''}/${subject.name}` : subject.name))
    .join(', ')

export const bindingColumns: readonly PrinterColumn<AnyBinding>[] = [
  nameColumn,
  column('Role', 'Role that is given.', ({ roleRef }) => `${roleRef?.kind ?? ''}/${roleRef?.name ?? ''}`),
  ageColumn,
  wideColumn('Users', 'Users who get it.', (binding) => subjectNames(binding, 'User')),
  wideColumn('Groups', 'Groups that get it.', (binding) => subjectNames(binding, 'Group')),
  wideColumn('ServiceAccounts', 'Service accounts that get it.', (binding) => subjectNames(binding, 'ServiceAccount')),
]
