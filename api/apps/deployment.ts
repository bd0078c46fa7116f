import { defineKind } from '../kind.ts'
import type { Deployment } from '../types.ts'

export const deploymentKind = defineKind<Deployment>({
  group: 'apps',
  version: 'v1',
  kind: 'Deployment',
  plural: 'deployments',
  scope: 'Namespaced',
  shortNames: ['deploy'],
  categories: ['all'],
  subresources: ['status', 'scale'],
  hasGeneration: true,
})
