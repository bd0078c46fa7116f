import { defineKind } from '../kind.ts'
import { ageColumn, column, nameColumn } from '../printers/columns.ts'
import type { ServiceAccount } from '../types.ts'
import { actionSubresource } from './subresources.ts'

const enforceAnnotation = 'kubernetes.io/enforce-mountable-secrets'

/** Only where the annotation is new. */
const warnings = ({ metadata }: ServiceAccount, old: ServiceAccount | undefined): readonly string[] =>
  metadata?.annotations?.[enforceAnnotation] === undefined ||
  old?.metadata?.annotations?.[enforceAnnotation] !== undefined
    ? []
    : [
        `metadata.annotations[${enforceAnnotation}]: deprecated in v1.32+; prefer separate namespaces to isolate access to mounted secrets`,
      ]

export const serviceAccountKind = defineKind<ServiceAccount>({
  group: '',
  version: 'v1',
  kind: 'ServiceAccount',
  plural: 'serviceaccounts',
  scope: 'Namespaced',
  shortNames: ['sa'],
  subresources: [actionSubresource('token', 'authentication.k8s.io', 'v1', 'TokenRequest')],
  warnings,
  columns: [
    nameColumn,
    column('Secrets', 'Number of secrets it may use.', (account) => (account.secrets ?? []).length),
    ageColumn,
  ],
})
