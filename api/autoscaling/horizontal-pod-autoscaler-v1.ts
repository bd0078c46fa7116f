import { defineKind } from '../kind.ts'
import type { HorizontalPodAutoscalerV1 } from '../types.ts'
import { fromV2, toV2 } from './hpa-conversion.ts'
import { horizontalPodAutoscalerKind } from './horizontal-pod-autoscaler.ts'

export const horizontalPodAutoscalerV1Kind = defineKind<HorizontalPodAutoscalerV1>({
  group: 'autoscaling',
  version: 'v1',
  kind: 'HorizontalPodAutoscaler',
  plural: 'horizontalpodautoscalers',
  scope: 'Namespaced',
  shortNames: ['hpa'],
  categories: ['all'],
  subresources: ['status'],
  storedAs: { kind: horizontalPodAutoscalerKind, toStored: toV2, fromStored: fromV2 },
})
