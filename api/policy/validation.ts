/** PodDisruptionBudgets. Upstream: pkg/apis/policy/validation. */
import { intOrPercent, nonNegative, notMoreThan100Percent, oneOf, validateLabelSelector } from '../meta/checks.ts'
import { asGoStruct, child, type FieldError, type GoField, invalid } from '../meta/field-error.ts'
import type { PodDisruptionBudget } from '../types.ts'

const specFields: readonly GoField[] = [
  ['MinAvailable', 'minAvailable', null],
  ['Selector', 'selector', null],
  ['MaxUnavailable', 'maxUnavailable', null],
  ['UnhealthyPodEvictionPolicy', 'unhealthyPodEvictionPolicy', null],
]

export const validatePodDisruptionBudget = ({ spec }: PodDisruptionBudget): FieldError[] => {
  if (spec === undefined) return []
  const errors: FieldError[] = []
  if (spec.minAvailable !== undefined && spec.maxUnavailable !== undefined) {
    errors.push(invalid('spec', asGoStruct(spec, specFields), 'minAvailable and maxUnavailable cannot be both set'))
  }
  for (const field of ['minAvailable', 'maxUnavailable'] as const) {
    errors.push(
      ...intOrPercent(child('spec', field), spec[field]),
      ...notMoreThan100Percent(child('spec', field), spec[field]),
    )
  }
  return [
    ...errors,
    ...validateLabelSelector(spec.selector, 'spec.selector'),
    ...oneOf('spec.unhealthyPodEvictionPolicy', spec.unhealthyPodEvictionPolicy, ['AlwaysAllow', 'IfHealthyBudget']),
  ]
}

export const validatePodDisruptionBudgetStatusUpdate = ({ status }: PodDisruptionBudget): FieldError[] =>
  (['disruptionsAllowed', 'currentHealthy', 'desiredHealthy', 'expectedPods'] as const).flatMap((field) =>
    nonNegative(child('status', field), status?.[field]),
  )
