/** Small checks that validation of many kinds is made of. Each returns the errors at `path`; none means valid. */
import type { LabelSelector } from '../types.ts'
import { semanticEqual } from './equal.ts'
import { child, duplicate, type FieldError, forbiddenField, invalid, notSupported, required } from './field-error.ts'
import { isDns1123Subdomain, isQualifiedName, isValidLabelValue, isValidPercent, patternMessage } from './names.ts'
import { immutableMessage, negativeMessage, validateLabels } from './validate-metadata.ts'

export const absent = (value: unknown): boolean => value === undefined || value === null || value === ''

/** Messages of a syntax check, as errors of one field. Absent is '', as everywhere in the API. */
export const syntax = (
  path: string,
  value: string | undefined,
  check: (value: string) => readonly string[],
): FieldError[] => check(value ?? '').map((message) => invalid(path, value ?? '', message))

/** Required, and of the right form. */
export const requiredSyntax = (
  path: string,
  value: string | undefined,
  check: (value: string) => readonly string[] = () => [],
): FieldError[] =>
  value === undefined || value === null || value === '' ? [required(path)] : syntax(path, value, check)

export const requiredText = (path: string, value: string | undefined, detail = ''): FieldError[] =>
  absent(value) ? [required(path, detail)] : []

/** One of a closed list; `required` says whether it may be absent. */
export const oneOf = (path: string, value: string | undefined, supported: readonly string[]): FieldError[] =>
  absent(value) ? [] : supported.includes(value ?? '') ? [] : [notSupported(path, value, supported)]

export const requiredOneOf = (path: string, value: string | undefined, supported: readonly string[]): FieldError[] =>
  absent(value) ? [required(path)] : oneOf(path, value, supported)

export const nonNegative = (path: string, value: number | undefined): FieldError[] =>
  value === undefined || value >= 0 ? [] : [invalid(path, value, negativeMessage)]

export const inRange = (path: string, value: number | undefined, min: number, max: number): FieldError[] =>
  value === undefined || (value >= min && value <= max)
    ? []
    : [invalid(path, value, `must be between ${min} and ${max}, inclusive`)]

export const immutable = (path: string, value: unknown, old: unknown): FieldError[] =>
  semanticEqual(value, old) ? [] : [invalid(path, value, immutableMessage)]

const httpPath = /^[A-Za-z0-9/\-._~%!$&'()*+,;=:]+$/

/** `acme.io/foo`. Upstream: IsDomainPrefixedPath. */
export const domainPrefixedPath = (path: string, value: string | undefined): FieldError[] => {
  if (value === undefined || value === '') return [required(path)]
  const slash = value.indexOf('/')
  if (slash <= 0 || slash === value.length - 1) {
    return [invalid(path, value, 'must be a domain-prefixed path (such as "acme.io/foo")')]
  }
  const rest = value.slice(slash + 1)
  const errors = syntax(path, value.slice(0, slash), isDns1123Subdomain)
  if (!httpPath.test(rest)) {
    errors.push(invalid(path, rest, patternMessage('Invalid path', "[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+")))
  }
  return errors
}

type IntOrString = number | string

/** A count or a percentage, none negative. */
export const intOrPercent = (path: string, value: IntOrString | undefined): FieldError[] => {
  if (value === undefined) return []
  return typeof value === 'string' ? syntax(path, value, isValidPercent) : nonNegative(path, value)
}

const percentOf = (value: IntOrString | undefined): number | undefined =>
  typeof value === 'string' && isValidPercent(value).length === 0 ? Number.parseInt(value, 10) : undefined

export const notMoreThan100Percent = (path: string, value: IntOrString | undefined): FieldError[] =>
  (percentOf(value) ?? 0) > 100 ? [invalid(path, value, 'must not be greater than 100%')] : []

/** The number, percentages as their number: what comparisons with 0 look at. */
export const intOrPercentValue = (value: IntOrString | undefined): number =>
  typeof value === 'number' ? value : (percentOf(value) ?? 0)

type Requirement = NonNullable<LabelSelector['matchExpressions']>[number]

const validateRequirement = ({ key, operator, values }: Requirement, path: string): FieldError[] => {
  const errors: FieldError[] = []
  const count = (values ?? []).length
  switch (operator) {
    case 'In':
    case 'NotIn':
      if (count === 0)
        errors.push(required(child(path, 'values'), "must be specified when `operator` is 'In' or 'NotIn'"))
      break
    case 'Exists':
    case 'DoesNotExist':
      if (count > 0) {
        errors.push(
          forbiddenField(child(path, 'values'), "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"),
        )
      }
      break
    default:
      errors.push(invalid(child(path, 'operator'), operator ?? '', 'not a valid selector operator'))
  }
  errors.push(...syntax(child(path, 'key'), key ?? '', isQualifiedName))
  for (const [index, value] of (values ?? []).entries()) {
    errors.push(...syntax(child(path, 'values', index), value, isValidLabelValue))
  }
  return errors
}

/** Upstream: apimachinery/pkg/apis/meta/v1/validation.ValidateLabelSelector. */
export const validateLabelSelector = (selector: LabelSelector | undefined, path: string): FieldError[] => {
  if (selector === undefined || selector === null) return []
  const errors = validateLabels(selector.matchLabels, child(path, 'matchLabels'))
  for (const [index, requirement] of (selector.matchExpressions ?? []).entries()) {
    errors.push(...validateRequirement(requirement, child(path, 'matchExpressions', index)))
  }
  return errors
}

export const isEmptySelector = (selector: LabelSelector | undefined): boolean =>
  Object.keys(selector?.matchLabels ?? {}).length + (selector?.matchExpressions ?? []).length === 0

interface TypedCondition {
  readonly type?: string
  readonly status?: string
}

/** Conditions of a status: each has a type, none twice. */
export const validateConditionTypes = (
  conditions: readonly TypedCondition[] | undefined,
  path = 'status.conditions',
): FieldError[] => {
  const seen = new Set<string>()
  return (conditions ?? []).flatMap(({ type = '' }, index) => {
    const at = child(path, index, 'type')
    const errors = requiredText(at, type, 'must not be empty')
    if (seen.has(type)) errors.unshift(duplicate(at, type))
    seen.add(type)
    return errors
  })
}

/** Conditions are true, false or unknown. */
export const validateConditionStatuses = (
  conditions: readonly TypedCondition[] | undefined,
  path = 'status.conditions',
): FieldError[] =>
  (conditions ?? []).flatMap(({ status }, index) =>
    status === 'True' || status === 'False' || status === 'Unknown'
      ? []
      : [notSupported(child(path, index, 'status'), status ?? '', ['False', 'True', 'Unknown'])],
  )
