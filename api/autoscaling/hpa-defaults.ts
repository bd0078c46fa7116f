import type { HorizontalPodAutoscaler } from '../types.ts'

type Spec = NonNullable<HorizontalPodAutoscaler['spec']>
type Metric = NonNullable<Spec['metrics']>[number]
type ScalingRules = NonNullable<NonNullable<Spec['behavior']>['scaleUp']>

/** Where no metric is named: CPU at 80 % of its request. */
export const defaultMetric = (): Metric => ({
  type: 'Resource',
  resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } },
})

const scaleUpRules = (): ScalingRules => ({
  stabilizationWindowSeconds: 0,
  selectPolicy: 'Max',
  policies: [
    { type: 'Pods', value: 4, periodSeconds: 15 },
    { type: 'Percent', value: 100, periodSeconds: 15 },
  ],
})

/** The window is the controller's flag unless given. */
const scaleDownRules = (): ScalingRules => ({
  selectPolicy: 'Max',
  policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }],
})

export const setHpaDefaults = (autoscaler: HorizontalPodAutoscaler): void => {
  const spec = autoscaler.spec
  if (spec !== undefined) {
    spec.minReplicas ??= 1
    if ((spec.metrics ?? []).length === 0) spec.metrics = [defaultMetric()]
    const { behavior } = spec
    if (behavior !== undefined) {
      behavior.scaleUp = { ...scaleUpRules(), ...behavior.scaleUp }
      behavior.scaleDown = { ...scaleDownRules(), ...behavior.scaleDown }
    }
  }
  autoscaler.status ??= emptyHpaStatus()
}

type Status = NonNullable<HorizontalPodAutoscaler['status']>

/** The list of metrics is null, not absent, on the wire. */
export const emptyHpaStatus = (): Status =>
  ({ desiredReplicas: 0, currentMetrics: null as unknown as Status['currentMetrics'] }) as Status
