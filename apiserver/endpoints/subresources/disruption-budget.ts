/**
 * The question to a Pod's PodDisruptionBudget whether it may be evicted now, which books the disruption.
 * Upstream: checkAndDecrement in pkg/registry/core/pod/storage/eviction.go
 */
import { setCondition } from '../../../api/meta/conditions.ts'
import { matcherFromLabelSelector } from '../../../api/meta/labels.ts'
import { isPodReady } from '../../../api/meta/pods.ts'
import { forbidden, notFound, StatusError } from '../../../api/meta/status-error.ts'
import { nowRfc3339 } from '../../../api/meta/time.ts'
import type { Pod, PodDisruptionBudget } from '../../../api/types.ts'
import { keyFor, type Resource } from '../../registry/resource.ts'
import { cloneJson } from '../../storage/json.ts'

/** Pods that may be waiting for their removal to be seen. Upstream: MaxDisruptedPodSize. */
const maxDisruptedPods = 2000

const tooMany = (cause: string, retryAfterSeconds: number): StatusError =>
  new StatusError('TooManyRequests', "Cannot evict pod as it would violate the pod's disruption budget.", {
    details: {
      causes: [{ reason: 'DisruptionBudget', message: cause }],
      ...(retryAfterSeconds > 0 ? { retryAfterSeconds } : {}),
    },
  })

/** What a client is told that should simply ask again. */
export const budgetInFlux = (budgetName: string): StatusError =>
  tooMany(`The disruption budget ${budgetName} is still being processed by the server.`, 10)

/** The budget with this disruption booked in its status. Throws TooManyRequests or Forbidden. Pure. */
export const takeDisruption = (current: PodDisruptionBudget, podName: string, nowMs: number): PodDisruptionBudget => {
  const budget = cloneJson(current)
  const status = (budget.status ??= { disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 })
  const { name = '', generation = 0 } = budget.metadata ?? {}
  if ((status.observedGeneration ?? 0) < generation) throw budgetInFlux(name)

  const forbid = (message: string) => forbidden({ group: 'policy', resource: 'poddisruptionbudget' }, name, message)
  const allowed = status.disruptionsAllowed ?? 0
  const disrupted = (status.disruptedPods ??= {})
  if (allowed < 0) throw forbid('pdb disruptions allowed is negative')
  if (Object.keys(disrupted).length > maxDisruptedPods) {
    throw forbid('DisruptedPods map too big - too many evictions not confirmed by PDB controller')
  }
  if (allowed === 0) {
    const { desiredHealthy, currentHealthy } = status
    throw tooMany(
      `The disruption budget ${name} needs ${desiredHealthy} healthy pods and has ${currentHealthy} currently`,
      0,
    )
  }

  const now = nowRfc3339(nowMs)
  status.disruptionsAllowed = allowed - 1
  disrupted[podName] = now
  if (allowed === 1) {
    const observed = status.observedGeneration === undefined ? {} : { observedGeneration: status.observedGeneration }
    const spent = {
      type: 'DisruptionAllowed',
      status: 'False',
      reason: 'InsufficientPods',
      message: '',
      lastTransitionTime: now,
      ...observed,
    }
    status.conditions = [...setCondition(status.conditions, spent, now)]
  }
  return budget
}

/** Whether a Pod that is not ready may go without a disruption being booked. */
const unhealthyMayGo = ({ spec, status }: PodDisruptionBudget): boolean => {
  if (spec?.unhealthyPodEvictionPolicy === 'AlwaysAllow') return true
  const { currentHealthy = 0, desiredHealthy = 0 } = status ?? {}
  return currentHealthy >= desiredHealthy && desiredHealthy > 0
}

const budgetsOf = async (budgets: Resource, pod: Pod): Promise<PodDisruptionBudget[]> => {
  await budgets.store.consistent()
  return budgets.store.cache
    .range(`${pod.metadata?.namespace}/`)
    .map(({ object }) => object as PodDisruptionBudget)
    .filter(({ spec }) => matcherFromLabelSelector(spec?.selector)(pod.metadata?.labels))
}

/** How the Pod may go: freely, or (`unhealthyUnder` a budget) only if it has not become healthy in between. */
export type Leave = { readonly type: 'free' } | { readonly type: 'unhealthyUnder'; readonly budgetName: string }

/** Throws TooManyRequests, Forbidden, or an error 500 where more than one budget covers the Pod. */
export const askBudget = async (
  budgets: Resource,
  pod: Pod,
  { dryRun, nowMs }: { dryRun: boolean; nowMs: number },
): Promise<Leave> => {
  const [budget, another] = await budgetsOf(budgets, pod)
  if (budget === undefined) return { type: 'free' }
  if (another !== undefined) {
    throw new StatusError(
      '',
      'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.',
    )
  }
  const { namespace = '', name = '' } = budget.metadata ?? {}
  if (!isPodReady(pod) && unhealthyMayGo(budget)) return { type: 'unhealthyUnder', budgetName: name }
  await budgets.store.update(keyFor(budgets, namespace, name), (current) => {
    if (current === undefined) throw notFound(budgets.groupResource, name)
    const object = takeDisruption(current as PodDisruptionBudget, pod.metadata?.name ?? '', nowMs)
    return dryRun ? { type: 'keep' } : { type: 'write', object }
  })
  return { type: 'free' }
}
