import { defineKind } from '../kind.ts'
import type { ResourceClaim } from '../types.ts'

export const resourceClaimKind = defineKind<ResourceClaim>({
  group: 'resource.k8s.io',
  version: 'v1',
  kind: 'ResourceClaim',
  plural: 'resourceclaims',
  scope: 'Namespaced',
  subresources: ['status'],
})
