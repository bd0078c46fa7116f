/**
 * autoscaling/v1 and v2 of HorizontalPodAutoscaler. v1 knows only a CPU target; what else v2 says travels in
 * annotations, as JSON, so that a v1 client that reads and writes back loses nothing.
 * Upstream: pkg/apis/autoscaling/v1/conversion.go.
 */
import { defaultMetric } from './hpa-defaults.ts'
import type { HorizontalPodAutoscaler, HorizontalPodAutoscalerV1, KubeObject, ObjectMeta } from '../types.ts'

type V2Spec = NonNullable<HorizontalPodAutoscaler['spec']>
type MetricSpec = NonNullable<V2Spec['metrics']>[number]
type V2Status = NonNullable<HorizontalPodAutoscaler['status']>
type MetricStatus = NonNullable<V2Status['currentMetrics']>[number]
type Condition = NonNullable<V2Status['conditions']>[number]
type Behavior = NonNullable<V2Spec['behavior']>

const metricsAnnotation = 'autoscaling.alpha.kubernetes.io/metrics'
const behaviorAnnotation = 'autoscaling.alpha.kubernetes.io/behavior'
const currentMetricsAnnotation = 'autoscaling.alpha.kubernetes.io/current-metrics'
const conditionsAnnotation = 'autoscaling.alpha.kubernetes.io/conditions'
const annotationNames = [metricsAnnotation, behaviorAnnotation, currentMetricsAnnotation, conditionsAnnotation]

/** Annotations are client data: what does not parse is ignored, as upstream does. */
const parsed = (metadata: ObjectMeta | undefined, name: string): unknown => {
  const text = metadata?.annotations?.[name]
  if (text === undefined) return undefined
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
const parsedList = <T>(metadata: ObjectMeta | undefined, name: string): T[] => {
  const value = parsed(metadata, name)
  return Array.isArray(value) ? (value as T[]) : []
}

const withoutAnnotations = (metadata: ObjectMeta | undefined): ObjectMeta | undefined => {
  if (metadata?.annotations === undefined) return metadata
  const annotations = Object.fromEntries(
    Object.entries(metadata.annotations).filter(([name]) => !annotationNames.includes(name)),
  )
  const { annotations: _dropped, ...rest } = metadata
  return Object.keys(annotations).length === 0 ? rest : { ...rest, annotations }
}

/** The one thing v1 can say: a CPU utilization target. */
const isCpuTarget = (metric: MetricSpec): boolean =>
  metric.type === 'Resource' &&
  metric.resource?.name === 'cpu' &&
  metric.resource.target.averageUtilization !== undefined
const isCpuStatus = (metric: MetricStatus): boolean =>
  metric.type === 'Resource' &&
  metric.resource?.name === 'cpu' &&
  metric.resource.current.averageUtilization !== undefined

/** autoscaling/v1 to the stored v2 form. */
export const toV2 = (object: HorizontalPodAutoscalerV1): HorizontalPodAutoscaler => {
  const { metadata, spec, status } = object
  const metrics: MetricSpec[] = parsedList<MetricSpec>(metadata, metricsAnnotation)
  if (spec?.targetCPUUtilizationPercentage !== undefined) {
    metrics.push({
      type: 'Resource',
      resource: {
        name: 'cpu',
        target: { type: 'Utilization', averageUtilization: spec.targetCPUUtilizationPercentage },
      },
    })
  }
  if (metrics.length === 0) metrics.push(defaultMetric())
  const currentMetrics = parsedList<MetricStatus>(metadata, currentMetricsAnnotation)
  if (status?.currentCPUUtilizationPercentage !== undefined) {
    currentMetrics.push({
      type: 'Resource',
      resource: { name: 'cpu', current: { averageUtilization: status.currentCPUUtilizationPercentage } },
    })
  }
  const behavior = parsed(metadata, behaviorAnnotation) as Behavior | undefined
  const conditions = parsedList<Condition>(metadata, conditionsAnnotation)
  const converted = withoutAnnotations(metadata)
  const stored: HorizontalPodAutoscaler = {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    ...(converted === undefined ? {} : { metadata: converted }),
    spec: {
      scaleTargetRef: spec?.scaleTargetRef ?? { kind: '', name: '' },
      ...(spec?.minReplicas === undefined ? {} : { minReplicas: spec.minReplicas }),
      maxReplicas: spec?.maxReplicas ?? 0,
      ...(metrics.length === 0 ? {} : { metrics }),
      ...(behavior === undefined ? {} : { behavior }),
    },
    status: {
      ...(status?.observedGeneration === undefined ? {} : { observedGeneration: status.observedGeneration }),
      ...(status?.lastScaleTime === undefined ? {} : { lastScaleTime: status.lastScaleTime }),
      ...(status?.currentReplicas === undefined ? {} : { currentReplicas: status.currentReplicas }),
      desiredReplicas: status?.desiredReplicas ?? 0,
      ...(currentMetrics.length === 0 ? { currentMetrics: null } : { currentMetrics }),
      ...(conditions.length === 0 ? {} : { conditions }),
    } as V2Status,
  }
  return stored
}

/** The stored v2 form to autoscaling/v1. */
export const fromV2 = (object: KubeObject): HorizontalPodAutoscalerV1 => {
  // The registry hands over only what is stored as autoscaling/v2.
  const { metadata, spec, status } = object as HorizontalPodAutoscaler
  const cpu = spec?.metrics?.find(isCpuTarget)?.resource?.target.averageUtilization
  const otherMetrics = spec?.metrics?.filter((metric) => !isCpuTarget(metric)) ?? []
  const currentCpu = status?.currentMetrics?.find(isCpuStatus)?.resource?.current.averageUtilization
  const otherStatuses = status?.currentMetrics?.filter((metric) => !isCpuStatus(metric)) ?? []
  const annotations: Record<string, string> = {
    ...withoutAnnotations(metadata)?.annotations,
    ...(otherMetrics.length === 0 ? {} : { [metricsAnnotation]: JSON.stringify(otherMetrics) }),
    ...(spec?.behavior === undefined ? {} : { [behaviorAnnotation]: JSON.stringify(spec.behavior) }),
    ...(otherStatuses.length === 0 ? {} : { [currentMetricsAnnotation]: JSON.stringify(otherStatuses) }),
    ...(status?.conditions === undefined || status.conditions.length === 0
      ? {}
      : { [conditionsAnnotation]: JSON.stringify(status.conditions) }),
  }
  const rest = withoutAnnotations(metadata)
  return {
    apiVersion: 'autoscaling/v1',
    kind: 'HorizontalPodAutoscaler',
    metadata: Object.keys(annotations).length === 0 ? { ...rest } : { ...rest, annotations },
    spec: {
      scaleTargetRef: spec?.scaleTargetRef ?? { kind: '', name: '' },
      ...(spec?.minReplicas === undefined ? {} : { minReplicas: spec.minReplicas }),
      maxReplicas: spec?.maxReplicas ?? 0,
      ...(cpu === undefined ? {} : { targetCPUUtilizationPercentage: cpu }),
    },
    status: {
      ...(status?.observedGeneration === undefined ? {} : { observedGeneration: status.observedGeneration }),
      ...(status?.lastScaleTime === undefined ? {} : { lastScaleTime: status.lastScaleTime }),
      currentReplicas: status?.currentReplicas ?? 0,
      desiredReplicas: status?.desiredReplicas ?? 0,
      ...(currentCpu === undefined ? {} : { currentCPUUtilizationPercentage: currentCpu }),
    },
  }
}
