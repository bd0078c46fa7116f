import { defineKind } from '../kind.ts'
import type { PriorityLevelConfiguration } from '../types.ts'

export const priorityLevelConfigurationKind = defineKind<PriorityLevelConfiguration>({
  group: 'flowcontrol.apiserver.k8s.io',
  version: 'v1',
  kind: 'PriorityLevelConfiguration',
  plural: 'prioritylevelconfigurations',
  scope: 'Cluster',
  subresources: ['status'],
  hasGeneration: true,
  allowUnconditionalUpdate: false,
})
