/** What preemption would do to PodDisruptionBudgets. Upstream: filterPodsWithPDBViolation. */
import { matcherFromLabelSelector } from '../../api/meta/labels.ts'
import type { Pod, PodDisruptionBudget } from '../../api/types.ts'

interface Budget {
  readonly matches: (pod: Pod) => boolean
  left: number
}

const isEmpty = (selector: NonNullable<PodDisruptionBudget['spec']>['selector']): boolean =>
  selector === undefined ||
  (Object.keys(selector.matchLabels ?? {}).length === 0 && (selector.matchExpressions ?? []).length === 0)

/** An empty selector matches nothing here. */
const toBudget = ({ metadata, spec, status }: PodDisruptionBudget): Budget => {
  const selector = isEmpty(spec?.selector) ? undefined : matcherFromLabelSelector(spec?.selector)
  const disrupted = status?.disruptedPods ?? {}
  return {
    left: status?.disruptionsAllowed ?? 0,
    matches: (pod) =>
      selector !== undefined &&
      metadata?.namespace === pod.metadata?.namespace &&
      selector(pod.metadata?.labels) &&
      // The API server has counted it already.
      disrupted[pod.metadata?.name ?? ''] === undefined,
  }
}

/**
 * Divides Pods, in their order, into those whose eviction would break a budget and those whose eviction the budgets
 * still allow after all that come before.
 */
export const divideByBudgets = (
  pods: readonly Pod[],
  pdbs: readonly PodDisruptionBudget[],
): { readonly violating: readonly Pod[]; readonly allowed: readonly Pod[] } => {
  const budgets = pdbs.map(toBudget)
  const violating: Pod[] = []
  const allowed: Pod[] = []
  for (const pod of pods) {
    const hasLabels = Object.keys(pod.metadata?.labels ?? {}).length > 0
    let breaks = false
    for (const budget of hasLabels ? budgets : []) {
      if (budget.matches(pod) && --budget.left < 0) breaks = true
    }
    ;(breaks ? violating : allowed).push(pod)
  }
  return { violating, allowed }
}
