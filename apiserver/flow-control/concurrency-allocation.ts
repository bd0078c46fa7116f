/**
 * Divides a number of seats by targets, between bounds. Pure. Upstream: util/flowcontrol/conc_alloc.go
 */

export interface Claim {
  /** At least `lower`. */
  readonly target: number
  readonly lower: number
  readonly upper: number
}

export interface Allocation {
  /** In the order of the claims; their sum is what was to be divided. */
  readonly seats: readonly number[]
  /** What each gets of its target, unless a bound says otherwise. */
  readonly fairFraction: number
}

/** A target of nothing would get no share of what is left over. */
const minTarget = 0.001
const epsilon = 1e-7

const clamp = (value: number, { lower, upper }: Claim): number => Math.max(lower, Math.min(upper, value))

const sumOf = <T>(items: readonly T[], of: (item: T) => number): number =>
  items.reduce((sum, item) => sum + of(item), 0)

/**
 * The one division of `total` in which every claim gets the same fraction of its target, or the bound that keeps it
 * from that. A string says why there is none.
 */
export const allocateSeats = (total: number, claims: readonly Claim[]): Allocation | string => {
  if (total < 0) return 'negative sums are not supported'
  const wrong = claims.find(({ lower, upper, target }) => lower < 0 || target < lower || upper < lower)
  if (wrong !== undefined) return `impossible bounds: ${JSON.stringify(wrong)}`
  const lowest = sumOf(claims, ({ lower }) => lower)
  const highest = sumOf(claims, ({ upper }) => upper)
  if (lowest - total > epsilon)
    return `lower bounds sum to ${lowest}, which is higher than the required sum of ${total}`
  if (total - highest > epsilon)
    return `upper bounds sum to ${highest}, which is lower than the required sum of ${total}`
  if (total === 0) return { seats: claims.map(() => 0), fairFraction: 0 }
  const targets = claims.map(({ target }) => Math.max(target, minTarget))
  const at = (fraction: number): number[] => claims.map((claim, i) => clamp(fraction * (targets[i] ?? 0), claim))
  // The sum grows with the fraction, in straight lines between those fractions at which a bound begins or ends to hold.
  const corners = claims
    .flatMap(({ lower, upper }, i) => [lower / (targets[i] ?? 1), upper / (targets[i] ?? 1)])
    .toSorted((a, b) => a - b)
  let before = corners[0] ?? 0
  let sumBefore = sumOf(at(before), (seats) => seats)
  for (const corner of corners) {
    const sum = sumOf(at(corner), (seats) => seats)
    if (sum >= total - epsilon) {
      const rise = sum - sumBefore
      const fraction = rise <= epsilon ? corner : before + ((total - sumBefore) / rise) * (corner - before)
      return { seats: at(fraction), fairFraction: fraction }
    }
    before = corner
    sumBefore = sum
  }
  return { seats: at(before), fairFraction: before }
}
