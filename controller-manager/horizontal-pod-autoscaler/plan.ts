/**
 * One look at one autoscaler: what is to be done with its target, and what its status tells. Everything that is
 * measured comes in as functions. Upstream: reconcileAutoscaler.
 */
import { setCondition } from '../../api/meta/conditions.ts'
import { parseLabelSelector } from '../../api/meta/labels.ts'
import type { HorizontalPodAutoscaler, Scale } from '../../api/types.ts'
import { messageOf } from '../errors.ts'
import { emptyHistory, type History, settleByBehavior, settleByDefault, type Spec } from './behavior.ts'
import { MetricError, type MetricProposal, type MetricSpec, type MetricStatus } from './metrics.ts'

export type Status = NonNullable<HorizontalPodAutoscaler['status']>
type Condition = NonNullable<Status['conditions']>[number]
type ConditionType = 'AbleToScale' | 'ScalingActive' | 'ScalingLimited'

/** Conditions as they are gathered during one look. */
export class Conditions {
  #list: readonly Condition[]
  readonly #now: string

  constructor(list: readonly Condition[] | undefined, now: string) {
    this.#list = list ?? []
    this.#now = now
  }

  get list(): Condition[] {
    return [...this.#list]
  }

  set(type: ConditionType, isTrue: boolean, reason: string, message: string): void {
    this.#list = setCondition<Condition>(
      this.#list,
      { type, status: isTrue ? 'True' : 'False', reason, message },
      this.#now,
    )
  }
}

export interface Warning {
  readonly reason: string
  readonly message: string
}

export interface Recommended {
  readonly replicas: number
  /** The metric that wants the most. */
  readonly metric: string
}

export interface Measured {
  /** undefined: nothing can be said, and nothing is to be done. */
  readonly recommended: Recommended | undefined
  readonly statuses: readonly MetricStatus[]
  readonly warnings: readonly Warning[]
  /** Why nothing can be said. */
  readonly error?: string
}

export interface Measuring {
  readonly scale: Scale
  readonly metrics: readonly MetricSpec[]
  readonly conditions: Conditions
  readonly propose: (metric: MetricSpec) => Promise<MetricProposal>
  /** Other autoscalers with a hand on the same Pods. */
  readonly rivals: readonly string[]
}

const unusable = (conditions: Conditions, reason: string, message: string, warning: Warning): Measured => {
  conditions.set('ScalingActive', false, reason, message)
  return { recommended: undefined, statuses: [], warnings: [warning], error: warning.message }
}

/** Asks all metrics; the one that wants the most counts. Upstream: computeReplicasForMetrics. */
export const measure = async ({ scale, metrics, conditions, propose, rivals }: Measuring): Promise<Measured> => {
  const selector = scale.status?.selector ?? ''
  if (selector === '') {
    const warning = { reason: 'SelectorRequired', message: 'selector is required' }
    return unusable(conditions, 'InvalidSelector', "the HPA target's scale is missing a selector", warning)
  }
  try {
    parseLabelSelector(selector)
  } catch (error) {
    const message = `couldn't convert selector into a corresponding internal selector object: ${messageOf(error)}`
    return unusable(conditions, 'InvalidSelector', message, { reason: 'InvalidSelector', message })
  }
  if (rivals.length > 0) {
    const message = `pods by selector ${selector} are controlled by multiple HPAs: [${rivals.join(' ')}]`
    return unusable(conditions, 'AmbiguousSelector', message, { reason: 'AmbiguousSelector', message })
  }
  let best: MetricProposal | undefined
  const statuses: MetricStatus[] = []
  const failures: MetricError[] = []
  for (const metric of metrics) {
    try {
      const proposal = await propose(metric)
      statuses.push(proposal.status)
      if (best === undefined || proposal.replicas > best.replicas) best = proposal
    } catch (error) {
      if (!(error instanceof MetricError)) throw error
      failures.push(error)
      // Its place in the list stays, as upstream's zero value does.
      statuses.push({ type: '' })
    }
  }
  const warnings = failures.map(({ reason, message }) => ({ reason, message }))
  const [first] = failures
  const current = scale.spec?.replicas ?? 0
  // Metrics that are silent might want more than the others: without them the target may grow, but not shrink.
  if (first !== undefined && (best === undefined || best.replicas < current)) {
    conditions.set(
      'ScalingActive',
      false,
      first.reason,
      `the HPA was unable to compute the replica count: ${first.message}`,
    )
    const error = `invalid metrics (${failures.length} invalid out of ${metrics.length}), first error is: ${first.message}`
    return { recommended: undefined, statuses, warnings, error }
  }
  if (best === undefined) return { recommended: undefined, statuses, warnings, error: 'no metrics' }
  const valid = `the HPA was able to successfully calculate a replica count from ${best.name}`
  conditions.set('ScalingActive', true, 'ValidMetricFound', valid)
  return { recommended: { replicas: best.replicas, metric: best.name }, statuses, warnings }
}

export interface Decision {
  readonly replicas: number
  /** Why the target is resized; undefined: it is not. */
  readonly reason?: string
  readonly statuses: readonly MetricStatus[]
  readonly history: History
  readonly warnings: readonly Warning[]
  /** Nothing could be decided. */
  readonly error?: string
}

export interface Deciding {
  readonly spec: Spec
  readonly current: number
  readonly history: History | undefined
  readonly conditions: Conditions
  readonly measure: () => Promise<Measured>
  readonly downWindowMs: number
  readonly nowMs: number
}

/** The replicas that the target is to have now. */
export const decide = async (given: Deciding): Promise<Decision> => {
  const { spec, current, conditions, downWindowMs, nowMs } = given
  const history = given.history ?? { ...emptyHistory, recommendations: [{ replicas: current, atMs: nowMs }] }
  const min = spec.minReplicas ?? 1
  const max = spec.maxReplicas
  const resized = (replicas: number, reason: string): Decision => ({
    replicas,
    reason,
    statuses: [],
    history,
    warnings: [],
  })
  if (current === 0 && min !== 0) {
    const message = 'scaling is disabled since the replica count of the target is zero'
    conditions.set('ScalingActive', false, 'ScalingDisabled', message)
    return { replicas: 0, statuses: [], history, warnings: [] }
  }
  if (current > max) return resized(max, 'Current number of replicas above Spec.MaxReplicas')
  if (current < min) return resized(min, 'Current number of replicas below Spec.MinReplicas')

  const { recommended, statuses, warnings, error } = await given.measure()
  if (recommended === undefined) {
    return { replicas: current, statuses, history, warnings, ...(error === undefined ? {} : { error }) }
  }
  const wish = { current, desired: recommended.replicas, min, max, nowMs }
  const { replicas, stabilized, limited, isLimited } =
    spec.behavior === undefined
      ? settleByDefault(wish, history, downWindowMs)
      : settleByBehavior(wish, history, spec.behavior, downWindowMs)
  conditions.set('AbleToScale', true, stabilized.reason, stabilized.message)
  conditions.set('ScalingLimited', isLimited, limited.reason, limited.message)
  const recommendation = { replicas: recommended.replicas, atMs: nowMs }
  const next = { ...history, recommendations: [...history.recommendations, recommendation] }
  const reason = recommended.replicas > current ? `${recommended.metric} above target` : 'All metrics below target'
  return {
    replicas,
    ...(replicas === current ? {} : { reason }),
    statuses,
    history: next,
    warnings,
  }
}
