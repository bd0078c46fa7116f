/** What all workloads check alike: selector, template, counts. Upstream: pkg/apis/apps/validation. */
import { validatePodTemplateSpec } from '../core/pod-spec/validate.ts'
import { absent, isEmptySelector, nonNegative, validateLabelSelector } from '../meta/checks.ts'
import { child, type FieldError, forbiddenField, invalid, notSupported, required } from '../meta/field-error.ts'
import { matcherFromLabelSelector } from '../meta/labels.ts'
import type { LabelSelector, PodTemplateSpec } from '../types.ts'

interface WorkloadSpec {
  readonly replicas?: number
  readonly minReadySeconds?: number
  readonly revisionHistoryLimit?: number
  readonly selector?: LabelSelector
  readonly template?: PodTemplateSpec
}

/** Present, well formed and not empty. `what` is the kind, in upstream's words: `deployment`. */
export const validateWorkloadSelector = (selector: LabelSelector | undefined, what: string): FieldError[] => {
  const path = 'spec.selector'
  if (selector === undefined || selector === null) return [required(path)]
  const errors = validateLabelSelector(selector, path)
  if (isEmptySelector(selector)) errors.push(invalid(path, selector, `empty selector is invalid for ${what}`))
  return errors
}

/** A selector that was not given finds nothing; undefined where it is malformed. */
const selectorMatches = (
  selector: LabelSelector | undefined,
  labels: Readonly<Record<string, string>>,
): boolean | undefined => {
  if (selector === undefined || selector === null) return false
  try {
    return isEmptySelector(selector) || matcherFromLabelSelector(selector)(labels)
  } catch {
    return undefined
  }
}

/** What is said beside the selector's own errors, by who makes the Pods. */
const malformedSelector: Readonly<Record<string, string>> = { ReplicaSet: 'invalid label selector' }

/** The template makes Pods that the selector finds, and that restart always. */
export const validateWorkloadTemplate = (spec: WorkloadSpec, what: string): FieldError[] => {
  const path = 'spec.template'
  const { selector, template } = spec
  if (template === undefined) return [required(path)]
  const errors: FieldError[] = []
  const labels = template.metadata?.labels
  const matches = selectorMatches(selector, labels ?? {})
  if (matches === undefined) return [invalid('spec.selector', selector, malformedSelector[what] ?? '')]
  if (!matches) {
    errors.push(
      invalid(child(path, 'metadata', 'labels'), labels ?? null, '`selector` does not match template `labels`'),
    )
  }
  errors.push(...validatePodTemplateSpec(template, path))
  const restartPolicy = template.spec?.restartPolicy
  if (!absent(restartPolicy) && restartPolicy !== 'Always') {
    errors.push(notSupported(child(path, 'spec', 'restartPolicy'), restartPolicy, ['Always']))
  }
  if (template.spec?.activeDeadlineSeconds !== undefined) {
    errors.push(
      forbiddenField(child(path, 'spec', 'activeDeadlineSeconds'), `activeDeadlineSeconds in ${what} is not Supported`),
    )
  }
  return errors
}

export const validateCounts = (spec: WorkloadSpec): FieldError[] => [
  ...nonNegative('spec.replicas', spec.replicas),
  ...nonNegative('spec.minReadySeconds', spec.minReadySeconds),
  ...nonNegative('spec.revisionHistoryLimit', spec.revisionHistoryLimit),
]

/** Counters of a status, none negative. */
export const validateStatusCounts = <Status extends object>(
  status: Status | undefined,
  fields: readonly (keyof Status & string)[],
): FieldError[] =>
  fields.flatMap((field) => {
    const value = status?.[field]
    return typeof value === 'number' ? nonNegative(`status.${field}`, value) : []
  })
