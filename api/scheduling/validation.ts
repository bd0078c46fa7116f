/** PriorityClasses. Upstream: pkg/apis/scheduling/validation. */
import { immutable, requiredOneOf } from '../meta/checks.ts'
import { type FieldError, forbiddenField } from '../meta/field-error.ts'
import type { PriorityClass } from '../types.ts'

const highestUserPriority = 1_000_000_000
const systemPrefix = 'system-'
const systemClasses: Readonly<Record<string, number>> = {
  'system-node-critical': 2_000_001_000,
  'system-cluster-critical': 2_000_000_000,
}

const isSystemClass = ({ metadata, value, globalDefault }: PriorityClass): boolean =>
  systemClasses[metadata?.name ?? ''] === value && globalDefault !== true

export const validatePriorityClass = (priorityClass: PriorityClass): FieldError[] => {
  const errors: FieldError[] = []
  const name = priorityClass.metadata?.name ?? ''
  if (name.startsWith(systemPrefix)) {
    if (!isSystemClass(priorityClass)) {
      errors.push(
        forbiddenField(
          'metadata.name',
          `priority class names with '${systemPrefix}' prefix are reserved for system use only. error: ${
            systemClasses[name] === undefined
              ? `${name} is not a known system priority class`
              : `value of ${name} PriorityClass must be ${systemClasses[name]}`
          }`,
        ),
      )
    }
  } else if ((priorityClass.value ?? 0) > highestUserPriority) {
    errors.push(forbiddenField('value', `maximum allowed value of a user defined priority is ${highestUserPriority}`))
  }
  return [
    ...errors,
    ...requiredOneOf('preemptionPolicy', priorityClass.preemptionPolicy, ['PreemptLowerPriority', 'Never']),
  ]
}

export const validatePriorityClassUpdate = (next: PriorityClass, old: PriorityClass): FieldError[] => [
  ...(next.value === old.value ? [] : [forbiddenField('value', 'may not be changed in an update.')]),
  ...immutable('preemptionPolicy', next.preemptionPolicy, old.preemptionPolicy),
]
