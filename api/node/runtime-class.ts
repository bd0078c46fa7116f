import { defineKind } from '../kind.ts'
import type { RuntimeClass } from '../types.ts'

export const runtimeClassKind = defineKind<RuntimeClass>({
  group: 'node.k8s.io',
  version: 'v1',
  kind: 'RuntimeClass',
  plural: 'runtimeclasses',
  scope: 'Cluster',
  allowUnconditionalUpdate: false,
})
