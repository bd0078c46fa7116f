import { defineKind } from '../kind.ts'
import { serverStatus } from '../strategy.ts'
import type { HorizontalPodAutoscaler } from '../types.ts'
import { hpaColumns } from './hpa-columns.ts'
import { emptyHpaStatus, setHpaDefaults } from './hpa-defaults.ts'
import { validateAutoscalerStatusUpdate, validateHorizontalPodAutoscaler } from './validation.ts'

export const horizontalPodAutoscalerKind = defineKind<HorizontalPodAutoscaler>({
  group: 'autoscaling',
  version: 'v2',
  kind: 'HorizontalPodAutoscaler',
  plural: 'horizontalpodautoscalers',
  scope: 'Namespaced',
  shortNames: ['hpa'],
  categories: ['all'],
  subresources: ['status'],
  setDefaults: setHpaDefaults,
  ...serverStatus<HorizontalPodAutoscaler>(emptyHpaStatus),
  validate: validateHorizontalPodAutoscaler,
  validateStatusUpdate: validateAutoscalerStatusUpdate,
  columns: hpaColumns,
})
