/** What one item of a LimitRange objects to in requests and limits. Pure. */
import type { ResourceAmounts } from '../../../api/meta/pods.ts'
import {
  compareQuantities,
  formatQuantity as show,
  isZeroQuantity,
  milliValue,
  parseQuantity,
  type Quantity,
} from '../../../api/meta/quantity.ts'
import type { LimitRange } from '../../../api/types.ts'

export type LimitItem = NonNullable<LimitRange['spec']>['limits'][number]

type Bounds = Readonly<Record<string, string>> | undefined

/** By name, so that the answer is the same every time. */
const each = (bounds: Bounds, check: (name: string, bound: Quantity) => string | undefined): string[] =>
  Object.entries(bounds ?? {})
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([name, text]) => check(name, parseQuantity(text)) ?? [])

const exceeds = (amount: Quantity | undefined, bound: Quantity): boolean =>
  amount !== undefined && compareQuantities(amount, bound) > 0

const belowMin =
  (type: string, requests: ResourceAmounts, limits: ResourceAmounts) => (name: string, min: Quantity) => {
    const says = `minimum ${name} usage per ${type} is ${show(min)}`
    const request = requests[name]
    const limit = limits[name]
    if (request === undefined) return `${says}.  No request is specified`
    if (compareQuantities(request, min) < 0) return `${says}, but request is ${show(request)}`
    if (limit !== undefined && compareQuantities(limit, min) < 0) return `${says}, but limit is ${show(limit)}`
    return undefined
  }

const aboveMax =
  (type: string, requests: ResourceAmounts, limits: ResourceAmounts) => (name: string, max: Quantity) => {
    const says = `maximum ${name} usage per ${type} is ${show(max)}`
    const request = requests[name]
    const limit = limits[name]
    if (limit === undefined) return `${says}.  No limit is specified`
    if (exceeds(limit, max)) return `${says}, but limit is ${show(limit)}`
    if (request !== undefined && exceeds(request, max)) return `${says}, but request is ${show(request)}`
    return undefined
  }

const aboveRatio =
  (type: string, requests: ResourceAmounts, limits: ResourceAmounts) => (name: string, ratio: Quantity) => {
    const says = `${name} max limit to request ratio per ${type} is ${show(ratio)}`
    const request = requests[name]
    const limit = limits[name]
    if (request === undefined || isZeroQuantity(request)) return `${says}, but no request is specified or request is 0`
    if (limit === undefined || isZeroQuantity(limit)) return `${says}, but no limit is specified or limit is 0`
    // As quantities: a hundredth of a ratio must not be lost to rounding.
    if (limit.nanos * 1_000_000_000n <= request.nanos * ratio.nanos) return undefined
    return `${says}, but provided ratio is ${(milliValue(limit) / milliValue(request)).toFixed(6)}`
  }

/** What a Container or Pod item says of the requests and limits of one container or Pod. */
export const violations = (item: LimitItem, requests: ResourceAmounts, limits: ResourceAmounts): string[] => [
  ...each(item.min, belowMin(item.type, requests, limits)),
  ...each(item.max, aboveMax(item.type, requests, limits)),
  ...each(item.maxLimitRequestRatio, aboveRatio(item.type, requests, limits)),
]

/** What items for claims say of a claim's requests: claims have no limits. */
export const claimViolations = (items: readonly LimitItem[], requests: ResourceAmounts): string[] =>
  items
    .filter(({ type }) => type === 'PersistentVolumeClaim')
    .flatMap(({ type, min, max }) => [
      ...each(min, belowMin(type, requests, {})),
      ...each(max, (name, bound) => {
        const says = `maximum ${name} usage per ${type} is ${show(bound)}`
        const request = requests[name]
        if (request === undefined) return `${says}.  No request is specified`
        return exceeds(request, bound) ? `${says}, but request is ${show(request)}` : undefined
      }),
    ])
