/**
 * POST pods/eviction: deletion that respects disruption budgets.
 * Upstream: EvictionREST in pkg/registry/core/pod/storage/eviction.go
 */
import { isPodReady, isPodTerminal } from '../../../api/meta/pods.ts'
import { matcherFromLabelSelector } from '../../../api/meta/labels.ts'
import { conflict, isReason, notFound, StatusError } from '../../../api/meta/status-error.ts'
import { nowRfc3339 } from '../../../api/meta/time.ts'
import type { Eviction, Pod, PodDisruptionBudget } from '../../../api/types.ts'
import { deleteObject, type DeleteOptions } from '../../registry/delete.ts'
import { keyFor, type Resource } from '../../registry/resource.ts'
import type { HttpContext } from '../../server/context.ts'
import { sendValue } from '../../server/respond.ts'
import { cloneJson } from '../../storage/json.ts'
import { decodeBody } from '../decode.ts'
import { parseWriteQuery } from '../options.ts'
import { readEntry } from '../read.ts'
import type { ResourceHandler } from '../router.ts'
import { admissionAttributes, checkName, checkNamespace, type Scope } from '../scope.ts'
import { negotiatePlain } from '../send.ts'

const evictionGvk = { group: 'policy', version: 'v1', kind: 'Eviction' }
/** Pods that may be waiting for their removal to be seen. Upstream: MaxDisruptedPodSize. */
const maxDisruptedPods = 2000

const tooMany = (message: string, cause: string, retryAfterSeconds: number): StatusError =>
  new StatusError('TooManyRequests', message, {
    details: {
      causes: [{ reason: 'DisruptionBudget', message: cause }],
      ...(retryAfterSeconds > 0 ? { retryAfterSeconds } : {}),
    },
  })

/** Pods that no budget protects: they do no work. */
const canIgnoreBudget = (pod: Pod): boolean =>
  isPodTerminal(pod) || pod.status?.phase === 'Pending' || pod.metadata?.deletionTimestamp !== undefined

/** Whether a Pod that is not ready may go without asking. */
const unhealthyMayGo = (budget: PodDisruptionBudget): boolean => {
  if (budget.spec?.unhealthyPodEvictionPolicy === 'AlwaysAllow') return true
  const { currentHealthy = 0, desiredHealthy = 0 } = budget.status ?? {}
  return currentHealthy >= desiredHealthy && desiredHealthy > 0
}

/** The budget with this disruption taken from it. Throws TooManyRequests or Forbidden. */
export const takeDisruption = (current: PodDisruptionBudget, podName: string, nowMs: number): PodDisruptionBudget => {
  const budget = cloneJson(current)
  const status = (budget.status ??= { disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 })
  const name = budget.metadata?.name ?? ''
  if ((status.observedGeneration ?? 0) < (budget.metadata?.generation ?? 0)) {
    throw tooMany(
      "Cannot evict pod as it would violate the pod's disruption budget.",
      `The disruption budget ${name} is still being processed by the server.`,
      10,
    )
  }
  const disrupted = (status.disruptedPods ??= {})
  const forbid = (message: string) =>
    new StatusError('Forbidden', `poddisruptionbudgets.policy ${JSON.stringify(name)} is forbidden: ${message}`, {
      details: { name, group: 'policy', kind: 'poddisruptionbudgets' },
    })
  const allowed = status.disruptionsAllowed ?? 0
  if (allowed < 0) throw forbid('pdb disruptions allowed is negative')
  if (Object.keys(disrupted).length > maxDisruptedPods) {
    throw forbid('DisruptedPods map too big - too many evictions not confirmed by PDB controller')
  }
  if (allowed === 0) {
    throw tooMany(
      "Cannot evict pod as it would violate the pod's disruption budget.",
      `The disruption budget ${name} needs ${status.desiredHealthy} healthy pods and has ${status.currentHealthy} currently`,
      0,
    )
  }
  status.disruptionsAllowed = allowed - 1
  disrupted[podName] = nowRfc3339(nowMs)
  return budget
}

const budgetsOf = async (budgets: Resource, pod: Pod): Promise<PodDisruptionBudget[]> => {
  await budgets.store.consistent()
  return budgets.store.cache
    .range(`${pod.metadata?.namespace}/`)
    .map(({ object }) => object as PodDisruptionBudget)
    .filter(({ spec }) => matcherFromLabelSelector(spec?.selector)(pod.metadata?.labels))
}

/** Asks the budget of the Pod, if it has one. */
const askBudget = async (scope: Scope, budgets: Resource, pod: Pod, dryRun: boolean): Promise<void> => {
  const [budget, another] = await budgetsOf(budgets, pod)
  if (budget === undefined) return
  if (another !== undefined) {
    throw new StatusError(
      'InternalError',
      'Internal error occurred: This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.',
    )
  }
  if (!isPodReady(pod) && unhealthyMayGo(budget)) return
  const { namespace = '', name = '' } = budget.metadata ?? {}
  await budgets.store.update(keyFor(budgets, namespace, name), (current) => {
    if (current === undefined) throw notFound(budgets.groupResource, name)
    const object = takeDisruption(current as PodDisruptionBudget, pod.metadata?.name ?? '', scope.clock.now())
    return dryRun ? { type: 'keep' } : { type: 'write', object }
  })
}

/** Says in the Pod's status why it goes. */
const addDisruptionTarget = async (scope: Scope, pod: Pod): Promise<void> => {
  const { resource, clock } = scope
  const { namespace = '', name = '', uid } = pod.metadata ?? {}
  await resource.store.update(keyFor(resource, namespace, name), (current) => {
    if (current === undefined) throw notFound(resource.groupResource, name)
    if (current.metadata?.uid !== uid)
      throw conflict(resource.groupResource, name, 'the pod was replaced by another one')
    const object = cloneJson(current) as Pod
    const status = (object.status ??= {})
    const others = (status.conditions ?? []).filter(({ type }) => type !== 'DisruptionTarget')
    status.conditions = [
      ...others,
      {
        type: 'DisruptionTarget',
        status: 'True',
        reason: 'EvictionByEvictionAPI',
        message: 'Eviction API: evicting',
        lastTransitionTime: nowRfc3339(clock.now()),
      },
    ]
    return { type: 'write', object }
  })
}

const evict = async (scope: Scope, budgets: Resource, ctx: HttpContext): Promise<void> => {
  const media = negotiatePlain(ctx)
  const { dryRun: queryDryRun, fieldValidation } = parseWriteQuery(ctx.query, 'CreateOptions')
  const eviction = (await decodeBody(ctx, evictionGvk, fieldValidation)) as Eviction
  const { namespace, name } = ctx.info
  checkNamespace(eviction, scope.resource, namespace)
  checkName(eviction, name)
  const { dryRun: dryRuns, ...options } = eviction.deleteOptions ?? {}
  const dryRun = queryDryRun || (dryRuns ?? []).length > 0
  const attributes = admissionAttributes(scope, ctx, 'CREATE', { object: eviction, dryRun, kind: evictionGvk })
  await scope.admission.mutate(attributes)
  await scope.admission.validate(attributes)

  const pod = (await readEntry(scope.resource, namespace, name)).object as Pod
  if (!canIgnoreBudget(pod)) {
    await askBudget(scope, budgets, pod, dryRun)
    if (!dryRun) await addDisruptionTarget(scope, pod)
  }
  try {
    await deleteObject(
      scope.resource,
      { namespace, name },
      {
        options: {
          ...(options as DeleteOptions),
          preconditions: { ...options.preconditions, uid: options.preconditions?.uid ?? pod.metadata?.uid ?? '' },
        },
        dryRun,
        clock: scope.clock,
        validating: async () => {},
      },
    )
  } catch (error) {
    if (!isReason(error, 'NotFound')) throw error
  }
  await sendValue(ctx, 201, media, { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 })
}

export const evictionOf =
  (budgets: Resource): ResourceHandler =>
  (scope, ctx) =>
    evict(scope, budgets, ctx)
