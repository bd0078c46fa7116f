import { defineKind } from '../kind.ts'
import type { EndpointSlice } from '../types.ts'

export const endpointSliceKind = defineKind<EndpointSlice>({
  group: 'discovery.k8s.io',
  version: 'v1',
  kind: 'EndpointSlice',
  plural: 'endpointslices',
  scope: 'Namespaced',
  hasGeneration: true,
})
