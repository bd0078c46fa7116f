import { defineKind } from '../kind.ts'
import { ageColumn, column, nameColumn } from '../printers/columns.ts'
import type { ServiceAccount } from '../types.ts'
import { actionSubresource } from './subresources.ts'

export const serviceAccountKind = defineKind<ServiceAccount>({
  group: '',
  version: 'v1',
  kind: 'ServiceAccount',
  plural: 'serviceaccounts',
  scope: 'Namespaced',
  shortNames: ['sa'],
  subresources: [actionSubresource('token', 'authentication.k8s.io', 'v1', 'TokenRequest')],
  columns: [
    nameColumn,
    column('Secrets', 'Number of secrets it may use.', (account) => (account.secrets ?? []).length),
    ageColumn,
  ],
})
