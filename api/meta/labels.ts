/** Label selectors, in their string form (`app=web,tier in (a,b),!old`) and as metav1.LabelSelector. */
import type { LabelSelector } from '../types.ts'
import { type LabelRequirement, parseRequirements, validateRequirement } from './label-selector-parser.ts'
import { badRequest } from './status-error.ts'

export type { LabelRequirement } from './label-selector-parser.ts'

export type Labels = Readonly<Record<string, string>> | null | undefined
export type Matcher = (labels: Labels) => boolean

/** A parsed selector: callable on labels, with its requirements for indexes and text. */
export interface LabelSelectorMatcher {
  (labels: Labels): boolean
  readonly requirements: readonly LabelRequirement[]
}

const labelOf = (labels: Labels, key: string): string | undefined =>
  labels !== null && labels !== undefined && Object.hasOwn(labels, key) ? labels[key] : undefined

/** Base-10 int64 as Go's ParseInt takes it. */
const integer = (text: string | undefined): bigint | undefined =>
  text !== undefined && /^[+-]?\d{1,19}$/.test(text) ? BigInt(text.replace(/^\+/, '')) : undefined

const holds = ({ key, op, values }: LabelRequirement, labels: Labels): boolean => {
  const value = labelOf(labels, key)
  switch (op) {
    case 'in':
    case '=':
    case '==':
      return value !== undefined && values.includes(value)
    case 'notin':
    case '!=':
      return value === undefined || !values.includes(value)
    case 'exists':
      return value !== undefined
    case '!':
      return value === undefined
    case 'gt':
    case 'lt': {
      const left = integer(value)
      const right = integer(values[0])
      if (left === undefined || right === undefined) return false
      return op === 'gt' ? left > right : left < right
    }
  }
}

const matcherOf = (requirements: readonly LabelRequirement[]): LabelSelectorMatcher => {
  const match = (labels: Labels): boolean => {
    for (const requirement of requirements) if (!holds(requirement, labels)) return false
    return true
  }
  return Object.assign(match, { requirements })
}

/** Parses the string form; '' matches everything. Throws StatusError BadRequest with upstream's message. */
export const parseLabelSelector = (text: string): LabelSelectorMatcher => {
  const result = parseRequirements(text)
  if (typeof result === 'string') throw badRequest(result)
  return matcherOf(result)
}

const expressionOperators = new Map<string, LabelRequirement['op']>([
  ['In', 'in'],
  ['NotIn', 'notin'],
  ['Exists', 'exists'],
  ['DoesNotExist', '!'],
])

/** Requirements of a metav1.LabelSelector, sorted by key; throws BadRequest where it is malformed. */
export const requirementsOf = (selector: LabelSelector): readonly LabelRequirement[] => {
  const requirements: LabelRequirement[] = Object.entries(selector.matchLabels ?? {}).map(([key, value]) => ({
    key,
    op: '=',
    values: [value],
  }))
  for (const { key, operator, values } of selector.matchExpressions ?? []) {
    const op = expressionOperators.get(operator)
    if (op === undefined) throw badRequest(`"${operator}" is not a valid label selector operator`)
    requirements.push({ key, op, values: [...(values ?? [])].sort() })
  }
  for (const requirement of requirements) {
    const problem = validateRequirement(requirement)
    if (problem !== undefined) throw badRequest(problem)
  }
  return requirements.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
}

/**
 * Matcher of a metav1.LabelSelector: undefined selects nothing, {} selects everything.
 * Throws StatusError BadRequest for an unknown operator. Upstream: LabelSelectorAsSelector.
 */
export const matcherFromLabelSelector = (selector: LabelSelector | null | undefined): Matcher => {
  if (selector === undefined || selector === null) return () => false
  return matcherOf(requirementsOf(selector))
}

/** True if all labels of a plain map (Service and ReplicationController selectors) are there; an empty map matches all. */
export const matchesSet = (selector: Labels, labels: Labels): boolean => {
  for (const [key, value] of Object.entries(selector ?? {})) if (labelOf(labels, key) !== value) return false
  return true
}

const formatRequirement = ({ key, op, values }: LabelRequirement): string => {
  switch (op) {
    case 'exists':
      return key
    case '!':
      return `!${key}`
    case 'in':
    case 'notin':
      return `${key} ${op} (${[...values].sort().join(',')})`
    case '=':
    case '==':
    case '!=':
      return `${key}${op}${values[0] ?? ''}`
    case 'gt':
      return `${key}>${values[0] ?? ''}`
    case 'lt':
      return `${key}<${values[0] ?? ''}`
  }
}

/** The string form of requirements: what `?labelSelector=` takes. */
export const formatRequirements = (requirements: readonly LabelRequirement[]): string =>
  requirements.map(formatRequirement).join(',')

/** The string form of a metav1.LabelSelector, '' for one that selects everything: what Scale status carries. */
export const labelSelectorString = (selector: LabelSelector | null | undefined): string =>
  selector === undefined || selector === null ? '' : formatRequirements(requirementsOf(selector))

/** For people: as labelSelectorString, but `<none>` where it is empty. Upstream: metav1.FormatLabelSelector. */
export const formatLabelSelector = (selector: LabelSelector | null | undefined): string =>
  labelSelectorString(selector) || '<none>'

/** The string form of a plain map, sorted: `a=1,b=2`. */
export const formatLabels = (labels: Labels): string =>
  Object.keys(labels ?? {})
    .sort()
    .map((key) => `${key}=${labels?.[key] ?? ''}`)
    .join(',')
