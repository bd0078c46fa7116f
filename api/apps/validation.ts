/** Validation of the workloads of apps/v1. Upstream: pkg/apis/apps/validation/validation.go. */
import { immutable, nonNegative, requiredOneOf, requiredSyntax } from '../meta/checks.ts'
import { semanticEqual } from '../meta/equal.ts'
import { type FieldError, forbiddenField, invalid, required } from '../meta/field-error.ts'
import { isDns1123Subdomain } from '../meta/names.ts'
import type { ControllerRevision, DaemonSet, Deployment, ReplicaSet, StatefulSet } from '../types.ts'
import {
  validateDaemonSetStrategy,
  validateDeploymentStrategy,
  validateStatefulSetStrategy,
} from './validate-rolling-update.ts'
import { validateCounts, validateWorkloadSelector, validateWorkloadTemplate } from './validate-workload.ts'

export const validateDeployment = ({ spec }: Deployment): FieldError[] => {
  if (spec === undefined) return []
  const errors = [
    ...validateCounts(spec),
    ...validateWorkloadSelector(spec.selector, 'deployment'),
    ...validateWorkloadTemplate(spec, 'ReplicaSet'),
    ...validateDeploymentStrategy(spec.strategy, 'spec.strategy'),
  ]
  const deadline = spec.progressDeadlineSeconds
  if (deadline !== undefined) {
    const path = 'spec.progressDeadlineSeconds'
    errors.push(...nonNegative(path, deadline))
    if (deadline <= (spec.minReadySeconds ?? 0))
      errors.push(invalid(path, deadline, 'must be greater than minReadySeconds'))
  }
  return errors
}

export const validateDeploymentUpdate = (next: Deployment, old: Deployment): FieldError[] =>
  immutable('spec.selector', next.spec?.selector, old.spec?.selector)

export const validateReplicaSet = ({ spec }: ReplicaSet): FieldError[] =>
  spec === undefined
    ? []
    : [
        ...validateCounts(spec),
        ...validateWorkloadSelector(spec.selector, 'deployment'),
        ...validateWorkloadTemplate(spec, 'ReplicaSet'),
      ]

export const validateReplicaSetUpdate = (next: ReplicaSet, old: ReplicaSet): FieldError[] =>
  immutable('spec.selector', next.spec?.selector, old.spec?.selector)

export const validateDaemonSet = ({ spec }: DaemonSet): FieldError[] =>
  spec === undefined
    ? []
    : [
        ...validateWorkloadSelector(spec.selector, 'daemonset'),
        ...validateWorkloadTemplate(spec, 'DaemonSet'),
        ...validateCounts(spec),
        ...validateDaemonSetStrategy(spec.updateStrategy, 'spec.updateStrategy'),
      ]

export const validateDaemonSetUpdate = (next: DaemonSet, old: DaemonSet): FieldError[] =>
  immutable('spec.selector', next.spec?.selector, old.spec?.selector)

const validatePodManagementPolicy = (policy: string | undefined): FieldError[] => {
  const path = 'spec.podManagementPolicy'
  if (policy === undefined || policy === '') return [required(path)]
  return policy === 'OrderedReady' || policy === 'Parallel'
    ? []
    : [invalid(path, policy, "must be 'OrderedReady' or 'Parallel'")]
}

export const validateStatefulSet = ({ spec }: StatefulSet): FieldError[] => {
  if (spec === undefined) return []
  const retention = spec.persistentVolumeClaimRetentionPolicy
  const policies = ['Retain', 'Delete']
  return [
    ...validatePodManagementPolicy(spec.podManagementPolicy),
    ...validateStatefulSetStrategy(spec.updateStrategy, 'spec.updateStrategy'),
    ...requiredOneOf('spec.persistentVolumeClaimRetentionPolicy.whenDeleted', retention?.whenDeleted, policies),
    ...requiredOneOf('spec.persistentVolumeClaimRetentionPolicy.whenScaled', retention?.whenScaled, policies),
    ...validateCounts(spec),
    ...nonNegative('spec.ordinals.start', spec.ordinals?.start),
    ...(spec.serviceName === undefined || spec.serviceName === ''
      ? []
      : requiredSyntax('spec.serviceName', spec.serviceName, isDns1123Subdomain)),
    ...validateWorkloadSelector(spec.selector, 'statefulset'),
    ...validateWorkloadTemplate(spec, 'StatefulSet'),
  ]
}

const mutableFields = [
  'replicas',
  'ordinals',
  'template',
  'updateStrategy',
  'revisionHistoryLimit',
  'persistentVolumeClaimRetentionPolicy',
  'minReadySeconds',
]

/** Claim templates are compared without what the server fills in. */
const fixedPart = (spec: StatefulSet['spec']): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(spec ?? {})
      .filter(([field]) => !mutableFields.includes(field))
      .map(([field, value]) =>
        field === 'volumeClaimTemplates' && Array.isArray(value)
          ? [field, value.map(({ status: _status, ...claim }: Record<string, unknown>) => claim)]
          : [field, value],
      ),
  )

export const validateStatefulSetUpdate = (next: StatefulSet, old: StatefulSet): FieldError[] =>
  semanticEqual(fixedPart(next.spec), fixedPart(old.spec))
    ? []
    : [
        forbiddenField(
          'spec',
          "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
        ),
      ]

export const validateControllerRevision = ({ revision, data }: ControllerRevision): FieldError[] => [
  ...((data ?? undefined) === undefined
    ? [{ type: 'FieldValueRequired' as const, field: 'data', detail: 'Required value: data is mandatory' }]
    : []),
  ...nonNegative('revision', revision),
]

export const validateControllerRevisionUpdate = (next: ControllerRevision, old: ControllerRevision): FieldError[] =>
  immutable('data', next.data, old.data)
