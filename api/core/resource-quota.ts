import { defineKind } from '../kind.ts'
import type { ResourceQuota } from '../types.ts'

export const resourceQuotaKind = defineKind<ResourceQuota>({
  group: '',
  version: 'v1',
  kind: 'ResourceQuota',
  plural: 'resourcequotas',
  scope: 'Namespaced',
  shortNames: ['quota'],
  subresources: ['status'],
})
