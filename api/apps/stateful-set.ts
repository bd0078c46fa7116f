import { defineKind } from '../kind.ts'
import type { StatefulSet } from '../types.ts'

export const statefulSetKind = defineKind<StatefulSet>({
  group: 'apps',
  version: 'v1',
  kind: 'StatefulSet',
  plural: 'statefulsets',
  scope: 'Namespaced',
  shortNames: ['sts'],
  categories: ['all'],
  subresources: ['status', 'scale'],
  hasGeneration: true,
})
