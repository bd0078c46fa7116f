import { defineKind } from '../kind.ts'
import { ageColumn, column, nameColumn } from '../printers/columns.ts'
import type { Lease } from '../types.ts'
import { validateLease } from './validation.ts'

export const leaseKind = defineKind<Lease>({
  group: 'coordination.k8s.io',
  version: 'v1',
  kind: 'Lease',
  plural: 'leases',
  scope: 'Namespaced',
  allowCreateOnUpdate: true,
  allowUnconditionalUpdate: false,
  setDefaults: (lease) => {
    lease.spec ??= {}
  },
  validate: validateLease,
  columns: [nameColumn, column('Holder', 'Who holds the lease.', ({ spec }) => spec?.holderIdentity ?? ''), ageColumn],
})
