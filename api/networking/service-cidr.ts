import { defineKind } from '../kind.ts'
import { ageColumn, column, nameColumn } from '../printers/columns.ts'
import type { ServiceCIDR } from '../types.ts'
import { validateServiceCIDR, validateServiceCIDRUpdate } from './validation.ts'

export const serviceCIDRKind = defineKind<ServiceCIDR>({
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'ServiceCIDR',
  plural: 'servicecidrs',
  scope: 'Cluster',
  subresources: ['status'],
  setDefaults: (serviceCidr) => {
    serviceCidr.spec ??= {}
    serviceCidr.status ??= {}
  },
  // Upstream lets clients write status here too, beside its own endpoint.
  prepareForCreate: () => {},
  prepareForUpdate: () => {},
  validate: validateServiceCIDR,
  validateUpdate: validateServiceCIDRUpdate,
  columns: [
    nameColumn,
    column('CIDRs', 'Ranges that service addresses come from.', ({ spec }) => (spec?.cidrs ?? []).join(',')),
    ageColumn,
  ],
})
