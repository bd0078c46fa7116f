import { defineKind } from '../kind.ts'
import type { ResourceSlice } from '../types.ts'

export const resourceSliceKind = defineKind<ResourceSlice>({
  group: 'resource.k8s.io',
  version: 'v1',
  kind: 'ResourceSlice',
  plural: 'resourceslices',
  scope: 'Cluster',
  hasGeneration: true,
  selectableFields: {
    'spec.nodeName': (slice) => slice.spec.nodeName ?? '',
    'spec.driver': (slice) => slice.spec.driver,
  },
})
