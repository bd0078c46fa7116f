import { defineKind } from '../kind.ts'
import type { ServiceCIDR } from '../types.ts'

export const serviceCIDRKind = defineKind<ServiceCIDR>({
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'ServiceCIDR',
  plural: 'servicecidrs',
  scope: 'Cluster',
  subresources: ['status'],
})
