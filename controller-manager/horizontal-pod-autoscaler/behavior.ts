/**
 * From a recommendation to the replicas that it may lead to now: stabilization windows, rates, and the range of the
 * autoscaler. Pure. Upstream: the normalizing half of pkg/controller/podautoscaler/horizontal.go.
 */
import type { HorizontalPodAutoscaler } from '../../api/types.ts'

export type Spec = NonNullable<HorizontalPodAutoscaler['spec']>
export type Behavior = NonNullable<Spec['behavior']>
type ScalingRules = NonNullable<Behavior['scaleUp']>

/** A number at the time at which it was recommended. */
export interface Recommendation {
  readonly replicas: number
  readonly atMs: number
}

/** A change of the target's size: positive, in the direction of the list that it stands in. */
export interface ScaleEvent {
  readonly change: number
  readonly atMs: number
}

/** What an autoscaler has done and thought so far. Lives in memory, as upstream's. */
export interface History {
  readonly recommendations: readonly Recommendation[]
  readonly ups: readonly ScaleEvent[]
  readonly downs: readonly ScaleEvent[]
}

export const emptyHistory: History = { recommendations: [], ups: [], downs: [] }

/** What conditions say of a number, by their reason. */
const messages = {
  ReadyForNewScale: 'recommended size matches current size',
  ScaleDownStabilized:
    'recent recommendations were higher than current one, applying the highest recent recommendation',
  ScaleUpStabilized: 'recent recommendations were lower than current one, applying the lowest recent recommendation',
  TooFewReplicas: 'the desired replica count is less than the minimum replica count',
  TooManyReplicas: 'the desired replica count is more than the maximum replica count',
  ScaleUpLimit: 'the desired replica count is increasing faster than the maximum scale rate',
  ScaleDownLimit: 'the desired replica count is decreasing faster than the maximum scale rate',
  DesiredWithinRange: 'the desired count is within the acceptable range',
} as const
type Reason = keyof typeof messages

/** Why a number is as it is: reason and message of a condition. */
export interface Verdict {
  readonly replicas: number
  readonly reason: Reason
  readonly message: string
}

const verdict = (reason: Reason, replicas: number): Verdict => ({ replicas, reason, message: messages[reason] })

export interface Wish {
  readonly current: number
  readonly desired: number
  readonly min: number
  readonly max: number
  readonly nowMs: number
}

export interface Settled {
  readonly replicas: number
  /** Condition AbleToScale. */
  readonly stabilized: Verdict
  /** Condition ScalingLimited, and whether it is. */
  readonly limited: Verdict
  readonly isLimited: boolean
}

/** Twice as many, or four: how far a target without rules of its own grows at once. */
const defaultUpLimit = (current: number): number => Math.max(2 * current, 4)

const settled = (stabilized: Verdict, limited: Verdict): Settled => ({
  replicas: limited.replicas,
  stabilized,
  limited,
  isLimited: limited.replicas !== stabilized.replicas,
})

/** Without `spec.behavior`: the highest recommendation of the window, and the default rate. */
export const settleByDefault = (
  { current, desired, min, max, nowMs }: Wish,
  { recommendations }: History,
  windowMs: number,
): Settled => {
  const recent = recommendations.filter(({ atMs }) => atMs > nowMs - windowMs).map(({ replicas }) => replicas)
  const highest = Math.max(desired, ...recent)
  const stabilized =
    highest === desired ? verdict('ReadyForNewScale', desired) : verdict('ScaleDownStabilized', highest)
  const limit = defaultUpLimit(current)
  const ceiling = max > limit ? verdict('ScaleUpLimit', limit) : verdict('TooManyReplicas', max)
  const limited =
    highest < min
      ? verdict('TooFewReplicas', min)
      : highest > ceiling.replicas
        ? ceiling
        : verdict('DesiredWithinRange', highest)
  return settled(stabilized, limited)
}

const windowOf = (rules: ScalingRules | undefined, otherwiseMs: number): number =>
  rules?.stabilizationWindowSeconds === undefined ? otherwiseMs : rules.stabilizationWindowSeconds * 1000

const stabilize = (
  { current, desired, nowMs }: Wish,
  { recommendations }: History,
  behavior: Behavior,
  downWindowMs: number,
): Verdict => {
  const within = (windowMs: number): number[] =>
    recommendations.filter(({ atMs }) => atMs > nowMs - windowMs).map(({ replicas }) => replicas)
  const lowest = Math.min(desired, ...within(windowOf(behavior.scaleUp, 0)))
  const highest = Math.max(desired, ...within(windowOf(behavior.scaleDown, downWindowMs)))
  const replicas = Math.min(Math.max(current, lowest), highest)
  if (replicas === desired) return verdict('ReadyForNewScale', replicas)
  return desired >= current ? verdict('ScaleUpStabilized', replicas) : verdict('ScaleDownStabilized', replicas)
}

const changeIn = (events: readonly ScaleEvent[], periodSeconds: number, nowMs: number): number =>
  events.filter(({ atMs }) => atMs > nowMs - periodSeconds * 1000).reduce((total, { change }) => total + change, 0)

type Policy = NonNullable<ScalingRules['policies']>[number]

/** The replicas that each policy lets through; undefined where the direction is disabled. */
const limitsOf = (
  rules: ScalingRules | undefined,
  limitOf: (policy: Policy, atStartOfPeriod: number) => number,
  current: number,
  { ups, downs }: History,
  nowMs: number,
): readonly number[] | undefined =>
  rules?.selectPolicy === 'Disabled'
    ? undefined
    : (rules?.policies ?? []).map((policy) => {
        const { periodSeconds } = policy
        const start = current - changeIn(ups, periodSeconds, nowMs) + changeIn(downs, periodSeconds, nowMs)
        return limitOf(policy, start)
      })

/** How many there may be after growing; never fewer than there are. */
export const scaleUpLimit = (
  current: number,
  history: History,
  rules: ScalingRules | undefined,
  nowMs: number,
): number => {
  const limits = limitsOf(
    rules,
    ({ type, value }, start) => (type === 'Percent' ? Math.ceil(start * (1 + value / 100)) : start + value),
    current,
    history,
    nowMs,
  )
  if (limits === undefined || limits.length === 0) return current
  const limit = rules?.selectPolicy === 'Min' ? Math.min(...limits) : Math.max(...limits)
  return Math.max(limit, current)
}

/** How few there may be after shrinking; never more than there are. */
export const scaleDownLimit = (
  current: number,
  history: History,
  rules: ScalingRules | undefined,
  nowMs: number,
): number => {
  const limits = limitsOf(
    rules,
    ({ type, value }, start) => (type === 'Percent' ? Math.trunc(start * (1 - value / 100)) : start - value),
    current,
    history,
    nowMs,
  )
  if (limits === undefined || limits.length === 0) return current
  const limit = rules?.selectPolicy === 'Min' ? Math.max(...limits) : Math.min(...limits)
  return Math.min(limit, current)
}

/** With `spec.behavior`: its windows and its rates. */
export const settleByBehavior = (wish: Wish, history: History, behavior: Behavior, downWindowMs: number): Settled => {
  const { current, min, max, nowMs } = wish
  const stabilized = stabilize(wish, history, behavior, downWindowMs)
  const { replicas } = stabilized
  if (replicas > current) {
    const limit = scaleUpLimit(current, history, behavior.scaleUp, nowMs)
    const ceiling = max > limit ? verdict('ScaleUpLimit', limit) : verdict('TooManyReplicas', max)
    if (replicas > ceiling.replicas) return settled(stabilized, ceiling)
  } else if (replicas < current) {
    const limit = scaleDownLimit(current, history, behavior.scaleDown, nowMs)
    const floor = min < limit ? verdict('ScaleDownLimit', limit) : verdict('TooFewReplicas', min)
    if (replicas < floor.replicas) return settled(stabilized, floor)
  }
  return settled(stabilized, verdict('DesiredWithinRange', replicas))
}

const longestPeriodMs = (rules: ScalingRules | undefined): number =>
  Math.max(0, ...(rules?.policies ?? []).map(({ periodSeconds }) => periodSeconds * 1000))

/** The history without what no window or period reaches any more. */
export const trimmed = (
  history: History,
  behavior: Behavior | undefined,
  downWindowMs: number,
  nowMs: number,
): History => {
  const windowMs = Math.max(windowOf(behavior?.scaleUp, 0), windowOf(behavior?.scaleDown, downWindowMs))
  const periodMs = Math.max(longestPeriodMs(behavior?.scaleUp), longestPeriodMs(behavior?.scaleDown))
  const after = <T extends { readonly atMs: number }>(list: readonly T[], spanMs: number): readonly T[] =>
    list.filter(({ atMs }) => atMs > nowMs - spanMs)
  return {
    recommendations: after(history.recommendations, windowMs),
    ups: after(history.ups, periodMs),
    downs: after(history.downs, periodMs),
  }
}
