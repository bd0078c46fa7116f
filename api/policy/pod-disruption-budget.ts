import { defineKind } from '../kind.ts'
import type { PodDisruptionBudget } from '../types.ts'

export const podDisruptionBudgetKind = defineKind<PodDisruptionBudget>({
  group: 'policy',
  version: 'v1',
  kind: 'PodDisruptionBudget',
  plural: 'poddisruptionbudgets',
  scope: 'Namespaced',
  shortNames: ['pdb'],
  subresources: ['status'],
  hasGeneration: true,
  allowUnconditionalUpdate: false,
})
