/** HorizontalPodAutoscalers and Scale. Upstream: pkg/apis/autoscaling/validation. */
import { absent, nonNegative, oneOf, requiredOneOf, requiredSyntax, requiredText } from '../meta/checks.ts'
import { child, type FieldError, forbiddenField, invalid, required } from '../meta/field-error.ts'
import { isValidPathSegmentName } from '../meta/names.ts'
import { compareQuantities, zeroQuantity } from '../meta/quantity.ts'
import { nonNegativeQuantity, quantityOf } from '../core/pod-spec/validate-resources.ts'
import type { HorizontalPodAutoscaler, Scale } from '../types.ts'

type Spec = NonNullable<HorizontalPodAutoscaler['spec']>
type Metric = NonNullable<Spec['metrics']>[number]
type ScalingRules = NonNullable<NonNullable<Spec['behavior']>['scaleUp']>

interface Target {
  readonly type: string
  readonly averageUtilization?: number
  readonly averageValue?: string
  readonly value?: string
}

const maxPeriodSeconds = 1800
const maxStabilizationSeconds = 3600

const positiveQuantity = (text: string | undefined, path: string): FieldError[] => {
  const quantity = quantityOf(text)
  return quantity !== undefined && compareQuantities(quantity, zeroQuantity) <= 0
    ? [invalid(path, text, 'must be positive')]
    : []
}

const validateTarget = (target: Target | undefined, path: string): FieldError[] => {
  if (target === undefined) return [required(path)]
  const errors: FieldError[] = absent(target.type)
    ? [required(child(path, 'type'), 'must specify a metric target type')]
    : []
  errors.push(...oneOf(child(path, 'type'), target.type, ['AverageValue', 'Utilization', 'Value']))
  if (target.averageUtilization !== undefined && target.averageUtilization < 1) {
    errors.push(invalid(child(path, 'averageUtilization'), target.averageUtilization, 'must be greater than 0'))
  }
  return [
    ...errors,
    ...positiveQuantity(target.value, child(path, 'value')),
    ...positiveQuantity(target.averageValue, child(path, 'averageValue')),
  ]
}

const resourceTarget = (target: Target | undefined, path: string): FieldError[] => {
  const errors = validateTarget(target, path)
  if (target?.averageUtilization === undefined && target?.averageValue === undefined) {
    errors.push(
      required(child(path, 'averageUtilization'), 'must set either a target raw value or a target utilization'),
    )
  }
  if (target?.averageUtilization !== undefined && target.averageValue !== undefined) {
    errors.push(
      forbiddenField(child(path, 'averageValue'), 'may not set both a target raw value and a target utilization'),
    )
  }
  return errors
}

const sources = ['object', 'pods', 'resource', 'containerResource', 'external'] as const

const validateMetric = (metric: Metric, path: string): FieldError[] => {
  const errors = absent(metric.type) ? [required(child(path, 'type'), 'must specify a metric source type')] : []
  errors.push(
    ...oneOf(child(path, 'type'), metric.type, ['ContainerResource', 'External', 'Object', 'Pods', 'Resource']),
  )
  const given = sources.filter((source) => metric[source] !== undefined)
  for (const extra of given.slice(1))
    errors.push(forbiddenField(child(path, extra), 'must populate the given metric source only'))
  const type = metric.type ?? ''
  const expected = `${type.slice(0, 1).toLowerCase()}${type.slice(1)}`
  if (given.length === 0 && sources.some((source) => source === expected))
    errors.push(required(child(path, expected), 'must populate information for the given metric source'))
  const { resource, containerResource, pods, object, external } = metric
  if (resource !== undefined) {
    errors.push(...requiredText(child(path, 'resource', 'name'), resource.name, 'must specify a resource name'))
    errors.push(...resourceTarget(resource.target, child(path, 'resource', 'target')))
  }
  if (containerResource !== undefined) {
    const at = child(path, 'containerResource')
    errors.push(
      ...requiredText(child(at, 'name'), containerResource.name, 'must specify a resource name'),
      ...requiredText(child(at, 'container'), containerResource.container, 'must specify a container'),
      ...resourceTarget(containerResource.target, child(at, 'target')),
    )
  }
  if (pods !== undefined) {
    errors.push(...requiredText(child(path, 'pods', 'metric', 'name'), pods.metric?.name, 'must specify a metric name'))
    errors.push(...validateTarget(pods.target, child(path, 'pods', 'target')))
    if (absent(pods.target?.averageValue)) {
      errors.push(
        required(child(path, 'pods', 'target', 'averageValue'), 'must specify a positive target averageValue'),
      )
    }
  }
  for (const [name, source] of [
    ['object', object],
    ['external', external],
  ] as const) {
    if (source === undefined) continue
    const at = child(path, name)
    errors.push(...requiredText(child(at, 'metric', 'name'), source.metric?.name, 'must specify a metric name'))
    errors.push(...validateTarget(source.target, child(at, 'target')))
    if (source.target?.value === undefined && source.target?.averageValue === undefined) {
      errors.push(required(child(at, 'target', 'averageValue'), 'must set either a target value or averageValue'))
    }
  }
  return errors
}

const validateRules = (rules: ScalingRules | undefined, path: string): FieldError[] => {
  if (rules === undefined) return []
  const errors: FieldError[] = []
  const window = rules.stabilizationWindowSeconds ?? 0
  const at = child(path, 'stabilizationWindowSeconds')
  if (window < 0) errors.push(invalid(at, window, 'must be greater than or equal to zero'))
  if (window > maxStabilizationSeconds) {
    errors.push(invalid(at, window, `must be less than or equal to ${maxStabilizationSeconds}`))
  }
  errors.push(...nonNegativeQuantity(child(path, 'tolerance'), rules.tolerance))
  errors.push(...oneOf(child(path, 'selectPolicy'), rules.selectPolicy, ['Disabled', 'Max', 'Min']))
  const policies = rules.policies ?? []
  if (policies.length === 0) errors.push(required(child(path, 'policies'), 'must specify at least one Policy'))
  for (const [index, policy] of policies.entries()) {
    const at = child(path, 'policies', index)
    errors.push(...requiredOneOf(child(at, 'type'), policy.type, ['Percent', 'Pods']))
    if (policy.value <= 0) errors.push(invalid(child(at, 'value'), policy.value, 'must be greater than zero'))
    if (policy.periodSeconds <= 0)
      errors.push(invalid(child(at, 'periodSeconds'), policy.periodSeconds, 'must be greater than zero'))
    if (policy.periodSeconds > maxPeriodSeconds) {
      errors.push(
        invalid(child(at, 'periodSeconds'), policy.periodSeconds, `must be less than or equal to ${maxPeriodSeconds}`),
      )
    }
  }
  return errors
}

export const validateHorizontalPodAutoscaler = ({ spec }: HorizontalPodAutoscaler): FieldError[] => {
  if (spec === undefined) return []
  const errors: FieldError[] = []
  const { minReplicas, scaleTargetRef } = spec
  const maxReplicas = spec.maxReplicas ?? 0
  const zeroAllowed = spec.metrics?.some(({ type }) => type === 'Object' || type === 'External') ?? false
  if (minReplicas !== undefined && minReplicas < 1) {
    errors.push(invalid('spec.minReplicas', minReplicas, 'must be greater than or equal to 1'))
  }
  if (maxReplicas < 1) errors.push(invalid('spec.maxReplicas', maxReplicas, 'must be greater than 0'))
  if (minReplicas !== undefined && maxReplicas < minReplicas) {
    errors.push(invalid('spec.maxReplicas', maxReplicas, 'must be greater than or equal to `minReplicas`'))
  }
  for (const field of ['kind', 'name'] as const) {
    errors.push(...requiredSyntax(child('spec.scaleTargetRef', field), scaleTargetRef?.[field], isValidPathSegmentName))
  }
  for (const [index, metric] of (spec.metrics ?? []).entries())
    errors.push(...validateMetric(metric, child('spec.metrics', index)))
  if (minReplicas === 0 && !zeroAllowed) {
    errors.push(
      forbiddenField(
        'spec.metrics',
        'must specify at least one Object or External metric to support scaling to zero replicas',
      ),
    )
  }
  return [
    ...errors,
    ...validateRules(spec.behavior?.scaleUp, 'spec.behavior.scaleUp'),
    ...validateRules(spec.behavior?.scaleDown, 'spec.behavior.scaleDown'),
  ]
}

/** Both versions count alike. */
export const validateAutoscalerStatusUpdate = ({
  status,
}: {
  readonly status?: { readonly currentReplicas?: number; readonly desiredReplicas?: number }
}): FieldError[] => [
  ...nonNegative('status.currentReplicas', status?.currentReplicas),
  ...nonNegative('status.desiredReplicas', status?.desiredReplicas),
]

/** The body of /scale. */
export const validateScale = ({ spec }: Scale): FieldError[] => nonNegative('spec.replicas', spec?.replicas)
