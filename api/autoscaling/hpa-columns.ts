/** Columns of autoscalers. Upstream: printHorizontalPodAutoscaler. */
import type { PrinterColumn } from '../kind.ts'
import { ageColumn, column, nameColumn } from '../printers/columns.ts'
import type { HorizontalPodAutoscaler } from '../types.ts'

type Metric = NonNullable<NonNullable<HorizontalPodAutoscaler['spec']>['metrics']>[number]
type MetricStatus = NonNullable<NonNullable<HorizontalPodAutoscaler['status']>['currentMetrics']>[number]

interface Amount {
  readonly averageUtilization?: number
  readonly averageValue?: string
  readonly value?: string
}

const unknown = '<unknown>'
const percent = (value: number | undefined): string => (value === undefined ? unknown : `${value}%`)

/** A resource's target is an amount per Pod or a percentage. */
const resourceText = (name: string, target: Amount, current: Amount | undefined): string => {
  const amounts =
    target.averageValue === undefined
      ? `${percent(current?.averageUtilization)}/${target.averageUtilization === undefined ? '<auto>' : percent(target.averageUtilization)}`
      : `${current?.averageValue ?? unknown}/${target.averageValue}`
  return `${name}: ${amounts}`
}

/** A total, or an average over the Pods. */
const valueText = (target: Amount, current: Amount | undefined): string =>
  target.averageValue === undefined
    ? `${current?.value ?? unknown}/${target.value ?? ''}`
    : `${current?.averageValue ?? unknown}/${target.averageValue} (avg)`

const metricText = (metric: Metric, current: MetricStatus | undefined): string => {
  switch (metric.type) {
    case 'External':
      return valueText(metric.external?.target ?? {}, current?.external?.current)
    case 'Object':
      return valueText(metric.object?.target ?? {}, current?.object?.current)
    case 'Pods':
      return `${current?.pods?.current.averageValue ?? unknown}/${metric.pods?.target.averageValue ?? ''}`
    case 'Resource':
      return resourceText(metric.resource?.name ?? '', metric.resource?.target ?? {}, current?.resource?.current)
    case 'ContainerResource':
      return resourceText(
        metric.containerResource?.name ?? '',
        metric.containerResource?.target ?? {},
        current?.containerResource?.current,
      )
    default:
      return '<unknown type>'
  }
}

const maxMetrics = 2

/** Current and wanted amounts, two metrics at most. */
export const targetsText = ({ spec, status }: HorizontalPodAutoscaler): string => {
  const metrics = spec?.metrics ?? []
  if (metrics.length === 0) return '<none>'
  const texts = metrics.map((metric, index) => metricText(metric, status?.currentMetrics?.[index]))
  const shown = texts.slice(0, maxMetrics).join(', ')
  return texts.length > maxMetrics ? `${shown} + ${texts.length - maxMetrics} more...` : shown
}

export const hpaColumns: readonly PrinterColumn<HorizontalPodAutoscaler>[] = [
  nameColumn,
  column('Reference', 'What is scaled.', ({ spec }) => {
    const target = spec?.scaleTargetRef
    return `${target?.kind ?? ''}/${target?.name ?? ''}`
  }),
  column('Targets', 'Current and wanted amounts.', targetsText),
  column('MinPods', 'Fewest replicas.', ({ spec }) => String(spec?.minReplicas ?? '<unset>')),
  column('MaxPods', 'Most replicas.', ({ spec }) => spec?.maxReplicas ?? 0, 'integer'),
  column('Replicas', 'Replicas there are.', ({ status }) => status?.currentReplicas ?? 0, 'integer'),
  ageColumn,
]
