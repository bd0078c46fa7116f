import { defineKind } from '../kind.ts'
import type { PriorityClass } from '../types.ts'

export const priorityClassKind = defineKind<PriorityClass>({
  group: 'scheduling.k8s.io',
  version: 'v1',
  kind: 'PriorityClass',
  plural: 'priorityclasses',
  scope: 'Cluster',
  shortNames: ['pc'],
  hasGeneration: true,
})
