import { defineKind } from '../kind.ts'
import type { FlowSchema } from '../types.ts'

export const flowSchemaKind = defineKind<FlowSchema>({
  group: 'flowcontrol.apiserver.k8s.io',
  version: 'v1',
  kind: 'FlowSchema',
  plural: 'flowschemas',
  scope: 'Cluster',
  subresources: ['status'],
  hasGeneration: true,
  allowUnconditionalUpdate: false,
})
