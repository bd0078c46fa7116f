/**
 * POST pods/eviction: deletion that respects disruption budgets.
 * Upstream: EvictionREST in pkg/registry/core/pod/storage/eviction.go
 */
import { setCondition } from '../../../api/meta/conditions.ts'
import { isPodTerminal } from '../../../api/meta/pods.ts'
import { badRequest, isReason, notFound } from '../../../api/meta/status-error.ts'
import { nowRfc3339 } from '../../../api/meta/time.ts'
import type { Eviction, Pod } from '../../../api/types.ts'
import { checkPreconditions, deleteObject, type DeleteOptions } from '../../registry/delete.ts'
import { keyFor, type Resource } from '../../registry/resource.ts'
import type { HttpContext } from '../../server/context.ts'
import { sendValue } from '../../server/respond.ts'
import { cloneJson } from '../../storage/json.ts'
import { decodeBody } from '../decode.ts'
import { checkDeleteOptions } from '../delete-options.ts'
import { parseWriteQuery } from '../options.ts'
import { readEntry } from '../read.ts'
import type { ResourceHandler } from '../router.ts'
import { admissionAttributes, checkNamespace, type Scope } from '../scope.ts'
import { negotiatePlain } from '../send.ts'
import { askBudget, budgetInFlux } from './disruption-budget.ts'

const evictionGvk = { group: 'policy', version: 'v1', kind: 'Eviction' }
/** How often an eviction starts again when the Pod changes under it. Upstream: EvictionsRetry. */
const maxAttempts = 20

interface EvictionRequest {
  readonly namespace: string
  readonly name: string
  readonly options: DeleteOptions
  readonly dryRun: boolean
}

/** Pods that do no work, or go already, are no disruption. */
const canIgnoreBudget = (pod: Pod): boolean => isGoing(pod) || pod.status?.phase === 'Pending'
const isGoing = (pod: Pod): boolean => isPodTerminal(pod) || pod.metadata?.deletionTimestamp !== undefined

const onlyIf = (options: DeleteOptions, resourceVersion: string | undefined): DeleteOptions =>
  resourceVersion === undefined ? options : { ...options, preconditions: { ...options.preconditions, resourceVersion } }

/** Says in the Pod's status why it goes. The Pod's resourceVersion after that. */
const addDisruptionTarget = async (scope: Scope, { namespace, name, options }: EvictionRequest) => {
  const { resource, clock } = scope
  const { entry } = await resource.store.update(keyFor(resource, namespace, name), (current) => {
    if (current === undefined) throw notFound(resource.groupResource, name)
    checkPreconditions(resource, current, options)
    const object = cloneJson(current) as Pod
    const status = (object.status ??= {})
    const why = { reason: 'EvictionByEvictionAPI', message: 'Eviction API: evicting' }
    const condition = { type: 'DisruptionTarget', status: 'True', ...why }
    status.conditions = [...setCondition(status.conditions, condition, nowRfc3339(clock.now()))]
    return { type: 'write', object }
  })
  return entry.object.metadata?.resourceVersion
}

/** Evictions are no DELETE to admission: it has judged the Eviction. */
const removePod = async (scope: Scope, request: EvictionRequest): Promise<void> => {
  const { namespace, name, dryRun } = request
  const marked = dryRun ? undefined : await addDisruptionTarget(scope, request)
  const pinned = request.options.preconditions?.resourceVersion !== undefined
  const options = pinned ? onlyIf(request.options, marked) : request.options
  const context = { options, dryRun, clock: scope.clock, validating: async () => {} }
  await deleteObject(scope.resource, { namespace, name }, context)
}

const evictPod = async (scope: Scope, budgets: Resource, request: EvictionRequest): Promise<void> => {
  const { namespace, name, options, dryRun } = request
  const pinned = options.preconditions?.resourceVersion !== undefined
  for (let attempt = 1; ; attempt++) {
    const pod = (await readEntry(scope.resource, namespace, name)).object as Pod
    const { resourceVersion } = pod.metadata ?? {}
    const askFirst = !canIgnoreBudget(pod)
    const leave = askFirst ? await askBudget(budgets, pod, { dryRun, nowMs: scope.clock.now() }) : undefined
    // A Pod that was let go because it is not healthy must not become so before it goes.
    const guarded = !pinned && (leave === undefined ? !isGoing(pod) : leave.type === 'unhealthyUnder')
    try {
      return await removePod(scope, guarded ? { ...request, options: onlyIf(options, resourceVersion) } : request)
    } catch (error) {
      if (!isReason(error, 'Conflict')) throw error
      if (leave?.type === 'unhealthyUnder' && !pinned) throw budgetInFlux(leave.budgetName)
      if (askFirst || pinned || attempt >= maxAttempts) throw error
    }
  }
}

const evict = async (scope: Scope, budgets: Resource, ctx: HttpContext): Promise<void> => {
  const media = negotiatePlain(ctx)
  const query = parseWriteQuery(ctx.query, 'CreateOptions')
  const eviction = (await decodeBody(ctx, evictionGvk, query.fieldValidation)) as Eviction
  const { namespace, name } = ctx.info
  checkNamespace(eviction, scope.resource, namespace)
  if (eviction.metadata?.name !== name) throw badRequest('name in URL does not match name in Eviction object')
  checkDeleteOptions(eviction.deleteOptions ?? {})
  const { dryRun: inBody = [], ...options } = eviction.deleteOptions ?? {}
  const dryRun = query.dryRun || inBody.length > 0
  const attributes = admissionAttributes(scope, ctx, 'CREATE', { object: eviction, dryRun, kind: evictionGvk })
  await scope.admission.mutate(attributes)
  await scope.admission.validate(attributes)
  await evictPod(scope, budgets, { namespace, name, options: options as DeleteOptions, dryRun })
  await sendValue(ctx, 201, media, { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 })
}

export const evictionOf =
  (budgets: Resource): ResourceHandler =>
  (scope, ctx) =>
    evict(scope, budgets, ctx)
