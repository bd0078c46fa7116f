/**
 * How the server's seats are divided among its priority levels: by their shares, and every ten seconds anew by what each
 * has needed, as far as others lend. Pure. Upstream: finishQueueSetReconfigsLocked, updateBorrowingLocked
 */
import type { PriorityLevelConfiguration } from '../../api/types.ts'
import { allocateSeats, type Claim } from './concurrency-allocation.ts'
import type { DemandStatistics } from './seat-demand.ts'

/** In seats. */
export interface ConfiguredLimits {
  readonly nominal: number
  /** What it does not lend. */
  readonly lower: number
  /** What it may have with what it borrows. */
  readonly upper: number
  /** What one request may take at most; 0: whatever requests may. */
  readonly maxPerRequest: number
}

/** Upstream: priorityLevelMaxSeatsPercent. */
const maxShareOfRequest = 0.15

interface Shares {
  readonly shares: number
  readonly lendablePercent: number
  readonly borrowingLimitPercent: number | undefined
  readonly handSize: number | undefined
}

const sharesOf = ({ spec }: PriorityLevelConfiguration): Shares => {
  const { limited, exempt } = spec ?? {}
  const common = limited ?? exempt
  return {
    shares: common?.nominalConcurrencyShares ?? 0,
    lendablePercent: common?.lendablePercent ?? 0,
    borrowingLimitPercent: limited?.borrowingLimitPercent,
    handSize: limited?.limitResponse?.queuing?.handSize,
  }
}

/** In the order of the levels. Rounding up, they may be a little more than the server's limit. */
export const configuredLimits = (
  levels: readonly PriorityLevelConfiguration[],
  serverLimit: number,
): ConfiguredLimits[] => {
  const all = levels.map(sharesOf)
  const sum = all.reduce((total, { shares }) => total + shares, 0)
  return all.map(({ shares, lendablePercent, borrowingLimitPercent, handSize }) => {
    const nominal = sum === 0 ? 0 : Math.ceil((serverLimit * shares) / sum)
    const borrowable =
      borrowingLimitPercent === undefined ? serverLimit : Math.round((nominal * borrowingLimitPercent) / 100)
    return {
      nominal,
      lower: nominal - Math.round((nominal * lendablePercent) / 100),
      upper: nominal + borrowable,
      maxPerRequest:
        handSize === undefined
          ? 0
          : Math.max(1, Math.min(Math.ceil(nominal * maxShareOfRequest), Math.floor(nominal / handSize))),
    }
  })
}

export interface LevelDemand extends ConfiguredLimits {
  readonly exempt: boolean
  readonly demand: DemandStatistics
  readonly current: number
}

export interface AdjustedLimit {
  readonly current: number
  /** What it would have if all could be had. */
  readonly target: number
}

/** The limits for the next ten seconds, in the order of the levels. */
export const adjustLimits = (
  levels: readonly LevelDemand[],
): { readonly limits: AdjustedLimit[]; readonly fairFraction: number } => {
  const total = levels.reduce((sum, { nominal }) => sum + nominal, 0)
  // What a level has used is its own, up to its nominal limit, however much it lends; what is exempt takes what it needs.
  const least = levels.map(({ exempt, lower, nominal, demand: { highWatermark } }) =>
    Math.max(lower, exempt ? highWatermark : Math.min(nominal, highWatermark)),
  )
  const leastOf = (index: number): number => least[index] ?? 0
  const targets = levels.map(({ demand }, i) => Math.max(leastOf(i), demand.smoothed))
  const limited = levels.flatMap((level, index) => (level.exempt ? [] : [{ level, index }]))
  const remaining = levels.reduce((rest, { exempt }, i) => (exempt ? rest - leastOf(i) : rest), total)
  const lowerSum = limited.reduce((sum, { level }) => sum + level.lower, 0)
  const leastSum = limited.reduce((sum, { index }) => sum + leastOf(index), 0)
  const answer = (fairFraction: number, seatsOf: (level: LevelDemand, index: number, position: number) => number) => {
    const seats = new Map(limited.map(({ level, index }, position) => [index, seatsOf(level, index, position)]))
    const limits = levels.map((_, i) => ({
      current: Math.round(seats.get(i) ?? leastOf(i)),
      target: targets[i] ?? 0,
    }))
    return { limits, fairFraction }
  }
  if (remaining <= lowerSum) return answer(0, ({ lower }) => lower)
  if (remaining <= leastSum) {
    const share = (remaining - lowerSum) / (leastSum - lowerSum)
    return answer(0, ({ lower }, index) => lower + (leastOf(index) - lower) * share)
  }
  const claims = limited.map(
    ({ level, index }): Claim => ({ target: targets[index] ?? 0, lower: leastOf(index), upper: level.upper }),
  )
  const allocation = allocateSeats(total, claims)
  // Without a solution all stays as it is.
  if (typeof allocation === 'string') return answer(0, ({ current }) => current)
  return answer(allocation.fairFraction, (_level, _index, position) => allocation.seats[position] ?? 0)
}
