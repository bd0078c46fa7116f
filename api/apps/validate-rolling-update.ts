/** Update strategies of Deployments and DaemonSets. */
import { absent, intOrPercent, intOrPercentValue, notMoreThan100Percent } from '../meta/checks.ts'
import {
  asGoStruct,
  child,
  type FieldError,
  forbiddenField,
  type GoField,
  invalid,
  notSupported,
  required,
} from '../meta/field-error.ts'
import type { DaemonSet, Deployment, StatefulSet } from '../types.ts'

type DeploymentStrategy = NonNullable<NonNullable<Deployment['spec']>['strategy']>
type DaemonSetStrategy = NonNullable<NonNullable<DaemonSet['spec']>['updateStrategy']>
type StatefulSetStrategy = NonNullable<NonNullable<StatefulSet['spec']>['updateStrategy']>

interface Bounds {
  readonly maxUnavailable?: number | string
  readonly maxSurge?: number | string
}

const validateBounds = ({ maxUnavailable, maxSurge }: Bounds, path: string): FieldError[] => [
  ...intOrPercent(child(path, 'maxUnavailable'), maxUnavailable),
  ...intOrPercent(child(path, 'maxSurge'), maxSurge),
]

export const validateDeploymentStrategy = (strategy: DeploymentStrategy | undefined, path: string): FieldError[] => {
  const rollingUpdate = strategy?.rollingUpdate
  const at = child(path, 'rollingUpdate')
  switch (strategy?.type) {
    case 'Recreate':
      return rollingUpdate === undefined
        ? []
        : [forbiddenField(at, "may not be specified when strategy `type` is 'Recreate'")]
    case 'RollingUpdate': {
      if (rollingUpdate === undefined) return [required(at, 'this should be defaulted and never be nil')]
      const errors = validateBounds(rollingUpdate, at)
      const { maxUnavailable, maxSurge } = rollingUpdate
      if (intOrPercentValue(maxUnavailable) === 0 && intOrPercentValue(maxSurge) === 0) {
        errors.push(invalid(child(at, 'maxUnavailable'), maxUnavailable, 'may not be 0 when `maxSurge` is 0'))
      }
      return [...errors, ...notMoreThan100Percent(child(at, 'maxUnavailable'), maxUnavailable)]
    }
    case undefined:
    default:
      return [notSupported(child(path, 'type'), strategy?.type ?? '', ['Recreate', 'RollingUpdate'])]
  }
}

const strategyFields: readonly GoField[] = [
  ['Type', 'type', ''],
  ['RollingUpdate', 'rollingUpdate', null],
]

export const validateDaemonSetStrategy = (strategy: DaemonSetStrategy | undefined, path: string): FieldError[] => {
  if (strategy?.type === 'OnDelete') return []
  if (strategy?.type !== 'RollingUpdate') {
    return [notSupported(path, asGoStruct(strategy ?? {}, strategyFields), ['RollingUpdate', 'OnDelete'])]
  }
  const at = child(path, 'rollingUpdate')
  if (strategy.rollingUpdate === undefined) return [required(at)]
  const errors = validateBounds(strategy.rollingUpdate, at)
  const { maxUnavailable, maxSurge } = strategy.rollingUpdate
  errors.push(
    ...notMoreThan100Percent(child(at, 'maxUnavailable'), maxUnavailable),
    ...notMoreThan100Percent(child(at, 'maxSurge'), maxSurge),
  )
  const unavailable = intOrPercentValue(maxUnavailable) !== 0
  const surge = intOrPercentValue(maxSurge) !== 0
  if (unavailable && surge) {
    errors.push(invalid(child(at, 'maxSurge'), maxSurge, 'may not be set when maxUnavailable is non-zero'))
  } else if (!unavailable && !surge) {
    errors.push(required(child(at, 'maxUnavailable'), 'cannot be 0 when maxSurge is 0'))
  }
  return errors
}

export const validateStatefulSetStrategy = (strategy: StatefulSetStrategy | undefined, path: string): FieldError[] => {
  if (absent(strategy?.type)) return [required(path)]
  if (strategy?.type !== 'RollingUpdate' && strategy?.type !== 'OnDelete') {
    return [invalid(path, asGoStruct(strategy ?? {}, strategyFields), "must be 'RollingUpdate' or 'OnDelete'")]
  }
  const errors: FieldError[] = []
  const at = child(path, 'rollingUpdate')
  const rollingUpdate = strategy?.rollingUpdate
  if (rollingUpdate === undefined) return errors
  if (strategy.type === 'OnDelete') {
    errors.push(invalid(at, rollingUpdate, "only allowed for updateStrategy 'RollingUpdate'"))
    return errors
  }
  if ((rollingUpdate.partition ?? 0) < 0) {
    errors.push(invalid(child(at, 'partition'), rollingUpdate.partition, 'must be greater than or equal to 0'))
  }
  const { maxUnavailable } = rollingUpdate
  if (maxUnavailable !== undefined) {
    errors.push(...intOrPercent(child(at, 'maxUnavailable'), maxUnavailable))
    if (intOrPercentValue(maxUnavailable) === 0) {
      errors.push(invalid(child(at, 'maxUnavailable'), maxUnavailable, 'cannot be 0'))
    }
    errors.push(...notMoreThan100Percent(child(at, 'maxUnavailable'), maxUnavailable))
  }
  return errors
}
