/** How many Pods of a PodDisruptionBudget may be evicted. Upstream: pkg/controller/disruption. */
import { setCondition } from '../../api/meta/conditions.ts'
import { isPodReady, isPodTerminal } from '../../api/meta/pods.ts'
import { nowRfc3339 } from '../../api/meta/time.ts'
import type { Pod, PodDisruptionBudget } from '../../api/types.ts'
import { scaledValue } from '../int-or-percent.ts'
import { isDeleting, nameOf, timeMs } from '../objects.ts'

/** An eviction that the API server granted and that nobody sees happen is forgotten after this. */
export const deletionTimeoutMs = 120_000

export type BudgetStatus = NonNullable<PodDisruptionBudget['status']>

export interface BudgetInput {
  readonly budget: PodDisruptionBudget
  readonly pods: readonly Pod[]
  /** Replicas that the Pods' controllers want in all; needed unless minAvailable is a number. */
  readonly wanted: number
  readonly nowMs: number
}

const expectations = ({ budget, pods, wanted }: BudgetInput): { expected: number; healthy: number } => {
  const { minAvailable, maxUnavailable } = budget.spec ?? {}
  if (maxUnavailable !== undefined && maxUnavailable !== null) {
    return { expected: wanted, healthy: Math.max(0, wanted - scaledValue(maxUnavailable, wanted, 'up')) }
  }
  if (typeof minAvailable === 'number') return { expected: pods.length, healthy: minAvailable }
  return { expected: wanted, healthy: scaledValue(minAvailable, wanted, 'up') }
}

/** True if the budget needs to know how many replicas are wanted. */
export const needsWanted = (budget: PodDisruptionBudget): boolean =>
  (budget.spec?.maxUnavailable !== undefined && budget.spec.maxUnavailable !== null) ||
  typeof budget.spec?.minAvailable === 'string'

/** Evictions that were granted and are still to be seen, with when the first of them runs out. */
const pendingEvictions = ({
  budget,
  pods,
  nowMs,
}: BudgetInput): { pending: Record<string, string>; overdue: Pod[]; recheckMs?: number } => {
  const pending: Record<string, string> = {}
  const overdue: Pod[] = []
  let recheckMs: number | undefined
  for (const pod of pods) {
    const granted = budget.status?.disruptedPods?.[nameOf(pod)]
    if (granted === undefined || isDeleting(pod)) continue
    const remaining = (timeMs(granted) ?? 0) + deletionTimeoutMs - nowMs
    if (remaining <= 0) {
      overdue.push(pod)
      continue
    }
    pending[nameOf(pod)] = granted
    recheckMs = Math.min(recheckMs ?? remaining, remaining)
  }
  return recheckMs === undefined ? { pending, overdue } : { pending, overdue, recheckMs }
}

const condition = (allowed: number, generation: number) =>
  allowed > 0
    ? {
        type: 'DisruptionAllowed',
        status: 'True',
        reason: 'SufficientPods',
        message: '',
        observedGeneration: generation,
      }
    : {
        type: 'DisruptionAllowed',
        status: 'False',
        reason: 'InsufficientPods',
        message: '',
        observedGeneration: generation,
      }

type BudgetCondition = NonNullable<BudgetStatus['conditions']>[number]

export interface BudgetPlan {
  readonly status: BudgetStatus
  /** Pods whose eviction was granted, and that are still there after the time for it. */
  readonly notDeleted: readonly Pod[]
  /** When a granted eviction has to be looked at again. */
  readonly requeueAfterMs: number | undefined
}

/** The budget's status, and what became of evictions. */
export const planBudget = (input: BudgetInput): BudgetPlan => {
  const { budget, pods, nowMs } = input
  const { expected, healthy } = expectations(input)
  const { pending, overdue, recheckMs } = pendingEvictions(input)
  const current = pods.filter(
    (pod) => !isDeleting(pod) && !isPodTerminal(pod) && pending[nameOf(pod)] === undefined && isPodReady(pod),
  ).length
  const allowed = expected <= 0 ? 0 : Math.max(0, current - healthy)
  const generation = budget.metadata?.generation ?? 0
  const conditions = setCondition<BudgetCondition>(
    budget.status?.conditions,
    { ...condition(allowed, generation), lastTransitionTime: undefined } as unknown as BudgetCondition,
    nowRfc3339(nowMs),
  )
  return {
    status: {
      ...(Object.keys(pending).length > 0 ? { disruptedPods: pending } : {}),
      currentHealthy: current,
      desiredHealthy: healthy,
      disruptionsAllowed: allowed,
      expectedPods: expected,
      observedGeneration: generation,
      conditions: [...conditions],
    },
    notDeleted: overdue,
    requeueAfterMs: recheckMs,
  }
}

/** The status where the wanted number cannot be known: nothing may be evicted. */
export const failedBudget = (budget: PodDisruptionBudget, message: string, nowMs: number): BudgetStatus => {
  const generation = budget.metadata?.generation ?? 0
  const failed = {
    type: 'DisruptionAllowed',
    status: 'False',
    reason: 'SyncFailed',
    message,
    observedGeneration: generation,
  }
  return {
    ...budget.status,
    currentHealthy: budget.status?.currentHealthy ?? 0,
    desiredHealthy: budget.status?.desiredHealthy ?? 0,
    expectedPods: budget.status?.expectedPods ?? 0,
    disruptionsAllowed: 0,
    observedGeneration: generation,
    conditions: [
      ...setCondition<BudgetCondition>(
        budget.status?.conditions,
        { ...failed, lastTransitionTime: undefined } as unknown as BudgetCondition,
        nowRfc3339(nowMs),
      ),
    ],
  }
}
