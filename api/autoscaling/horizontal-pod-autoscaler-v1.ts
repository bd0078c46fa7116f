import { defineKind } from '../kind.ts'
import { serverStatus } from '../strategy.ts'
import type { HorizontalPodAutoscalerV1 } from '../types.ts'
import { fromV2, toV2 } from './hpa-conversion.ts'
import { horizontalPodAutoscalerKind } from './horizontal-pod-autoscaler.ts'
import { hpaColumns } from './hpa-columns.ts'
import { validateAutoscalerStatusUpdate, validateHorizontalPodAutoscaler } from './validation.ts'

const emptyStatus = () => ({ currentReplicas: 0, desiredReplicas: 0 })

export const horizontalPodAutoscalerV1Kind = defineKind<HorizontalPodAutoscalerV1>({
  group: 'autoscaling',
  version: 'v1',
  kind: 'HorizontalPodAutoscaler',
  plural: 'horizontalpodautoscalers',
  scope: 'Namespaced',
  shortNames: ['hpa'],
  categories: ['all'],
  subresources: ['status'],
  // The default metric is added by the conversion: only there is it known that the annotations name none.
  setDefaults: (autoscaler) => {
    if (autoscaler.spec !== undefined) autoscaler.spec.minReplicas ??= 1
    autoscaler.status ??= emptyStatus()
  },
  ...serverStatus<HorizontalPodAutoscalerV1>(emptyStatus),
  validate: (autoscaler) => validateHorizontalPodAutoscaler(toV2(autoscaler)),
  validateStatusUpdate: validateAutoscalerStatusUpdate,
  columns: hpaColumns.map((column) => ({ ...column, cell: (object, now) => column.cell(toV2(object), now) })),
  storedAs: { kind: horizontalPodAutoscalerKind, toStored: toV2, fromStored: fromV2 },
})
