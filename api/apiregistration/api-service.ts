import { defineKind } from '../kind.ts'
import type { APIService } from '../types.ts'

export const apiServiceKind = defineKind<APIService>({
  group: 'apiregistration.k8s.io',
  version: 'v1',
  kind: 'APIService',
  plural: 'apiservices',
  scope: 'Cluster',
  categories: ['api-extensions'],
  subresources: ['status'],
  allowUnconditionalUpdate: false,
})
