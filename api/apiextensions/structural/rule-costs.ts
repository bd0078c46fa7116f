/**
 * Rules that may cost too much are refused when they are written, rather than in the middle of somebody's request.
 * Upstream: apiextensions/validation/cel_validation.go and validation.go
 */
import { estimateCost } from '../../cel/cost/estimate.ts'
import type { CheckedSource } from '../../cel/program.ts'
import { type FieldError, forbiddenField } from '../../meta/field-error.ts'
import { maxRequestBytes, sizeAtPath, type Sized } from './sizes.ts'
import type { JsonSchema } from './structural.ts'

export interface RuleCost {
  readonly field: string
  readonly what: 'rule' | 'messageExpression'
  /** Of all its evaluations on one object, at most. */
  readonly cost: number
}

/** Of one expression, and of all of a schema. Upstream: StaticEstimatedCostLimit, StaticEstimatedCRDCostLimit */
const maxCost = 10_000_000
const maxTotalCost = 100_000_000
/** A rule that takes less of the total is not named among those that make it too much; nor more than some of them. */
const namedShare = 0.01
const maxNamed = 4

const maxOf = ({ root, checked }: CheckedSource, size: Sized): number =>
  estimateCost(root, checked, (path) => sizeAtPath(size, path)).max

/** How many values a schema adds under each of its own; undefined: as many as fit. */
export const maxElementsOf = (schema: JsonSchema): number | undefined => {
  const limits = schema as { maxItems?: number; maxProperties?: number; additionalProperties?: unknown }
  if (schema.type === 'array') return limits.maxItems === undefined ? undefined : Math.max(limits.maxItems, 0)
  if (schema.type !== 'object' || limits.additionalProperties === undefined) return 1
  return limits.maxProperties === undefined ? undefined : Math.max(limits.maxProperties, 0)
}

/** `times`: how often it may be evaluated; where no limit says, as often as values of that size fit into a request. */
export const ruleCost = (field: string, source: CheckedSource, size: Sized, times: number | undefined): RuleCost => {
  const cost = maxOf(source, size)
  const evaluations = times ?? Math.floor(maxRequestBytes / (size.minBytes + 1))
  return { field, what: 'rule', cost: cost === 0 ? 0 : cost * evaluations }
}

/** A message is made once. */
export const messageCost = (field: string, source: CheckedSource, size: Sized): RuleCost => ({
  field,
  what: 'messageExpression',
  cost: maxOf(source, size),
})

const exceeds = (what: string, cost: number, limit: number): string => {
  const factor = cost / limit
  const shown = factor > 100 ? 'more than 100' : factor < 1.5 ? factor.toFixed(6) : factor.toFixed(1)
  return `${what} exceeds budget by factor of ${shown}x (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)`
}

/** What is too dear: single rules, and all together. `path` is the schema's. */
export const costErrors = (costs: readonly RuleCost[], path: string): FieldError[] => {
  const errors = costs
    .filter(({ cost }) => cost > maxCost)
    .map(({ field, what, cost }) => forbiddenField(field, exceeds(`estimated ${what} cost`, cost, maxCost)))
  const total = costs.reduce((sum, { cost }) => sum + cost, 0)
  if (total <= maxTotalCost) return errors
  const dearest = costs
    .filter(({ cost }) => cost >= maxTotalCost * namedShare)
    .toSorted((a, b) => b.cost - a.cost)
    .slice(0, maxNamed)
  const contributed = 'contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema'
  const all = 'x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema'
  return [
    ...errors,
    ...dearest.map(({ field }) => forbiddenField(field, contributed)),
    forbiddenField(path, exceeds(all, total, maxTotalCost)),
  ]
}
