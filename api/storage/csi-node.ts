import { defineKind } from '../kind.ts'
import type { CSINode } from '../types.ts'

export const csiNodeKind = defineKind<CSINode>({
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'CSINode',
  plural: 'csinodes',
  scope: 'Cluster',
  allowUnconditionalUpdate: false,
})
