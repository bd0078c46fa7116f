import { defineKind } from '../kind.ts'
import type { Lease } from '../types.ts'

export const leaseKind = defineKind<Lease>({
  group: 'coordination.k8s.io',
  version: 'v1',
  kind: 'Lease',
  plural: 'leases',
  scope: 'Namespaced',
  allowCreateOnUpdate: true,
  allowUnconditionalUpdate: false,
})
