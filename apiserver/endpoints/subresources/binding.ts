/** POST pods/binding and POST bindings: the scheduler's decision. Upstream: BindingREST in pkg/registry/core/pod/storage */
import { invalidObject, notSupported, required } from '../../../api/meta/field-error.ts'
import { conflict, notFound } from '../../../api/meta/status-error.ts'
import { nowRfc3339 } from '../../../api/meta/time.ts'
import type { Binding, Pod } from '../../../api/types.ts'
import { keyFor, type Resource } from '../../registry/resource.ts'
import type { HttpContext } from '../../server/context.ts'
import { sendValue } from '../../server/respond.ts'
import type { Decision } from '../../storage/resource-store.ts'
import { decodeBody } from '../decode.ts'
import { parseWriteQuery } from '../options.ts'
import type { ResourceHandler } from '../router.ts'
import { admissionAttributes, checkName, checkNamespace, type Scope } from '../scope.ts'
import { negotiatePlain } from '../send.ts'

const bindingGvk = { group: '', version: 'v1', kind: 'Binding' }

const validate = (binding: Binding): void => {
  const { target } = binding
  const errors = [
    ...((target?.kind ?? '') === '' || target.kind === 'Node'
      ? []
      : [notSupported('target.kind', target.kind, ['Node', '<empty>'])]),
    ...((target?.name ?? '') === '' ? [required('target.name')] : []),
  ]
  if (errors.length > 0) throw invalidObject(bindingGvk, binding.metadata?.name ?? '', errors)
}

/** The Pod on its node. Throws Conflict where that cannot be (any more). */
export const assignPod = (resource: Resource, current: Pod, binding: Binding, nowMs: number): Pod => {
  const name = current.metadata?.name ?? ''
  const fail = (message: string) => conflict({ group: '', resource: 'pods/binding' }, name, message)
  const { uid } = binding.metadata ?? {}
  if (uid !== undefined && uid !== '' && uid !== current.metadata?.uid) {
    throw conflict(
      resource.groupResource,
      name,
      `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${current.metadata?.uid}`,
    )
  }
  if (current.metadata?.deletionTimestamp !== undefined)
    throw fail(`pod ${name} is being deleted, cannot be assigned to a host`)
  if ((current.spec?.nodeName ?? '') !== '')
    throw fail(`pod ${name} is already assigned to node ${JSON.stringify(current.spec?.nodeName)}`)
  if ((current.spec?.schedulingGates ?? []).length > 0) throw fail(`pod ${name} has non-empty .spec.schedulingGates`)
  // What does not change is shared with the version before: containers, and the tree of who owns which fields.
  const { annotations, labels } = binding.metadata ?? {}
  const others = (current.status?.conditions ?? []).filter(({ type }) => type !== 'PodScheduled')
  const scheduled = { type: 'PodScheduled', status: 'True', lastTransitionTime: nowRfc3339(nowMs) }
  // It has its node: what was promised means nothing any longer.
  const { nominatedNodeName: _, ...status } = current.status ?? {}
  return {
    ...current,
    metadata: {
      ...current.metadata,
      ...(annotations === undefined ? {} : { annotations: { ...current.metadata?.annotations, ...annotations } }),
      ...(labels === undefined ? {} : { labels: { ...current.metadata?.labels, ...labels } }),
    },
    ...(current.spec === undefined ? {} : { spec: { ...current.spec, nodeName: binding.target.name ?? '' } }),
    status: { ...status, conditions: [...others, scheduled] },
  }
}

const bind = async (scope: Scope, pods: Resource, ctx: HttpContext, name: string | undefined): Promise<void> => {
  const media = negotiatePlain(ctx)
  const { dryRun, fieldValidation } = parseWriteQuery(ctx.query, 'CreateOptions')
  const binding = (await decodeBody(ctx, bindingGvk, fieldValidation)) as Binding
  const { namespace } = ctx.info
  checkNamespace(binding, scope.resource, namespace)
  if (name !== undefined) checkName(binding, name)
  validate(binding)
  const podName = name ?? binding.metadata?.name ?? ''
  const attributes = admissionAttributes(scope, ctx, 'CREATE', { object: binding, dryRun, kind: bindingGvk })
  await scope.admission.mutate(attributes)
  await scope.admission.validate(attributes)
  const decide = (current: Pod | undefined): Decision => {
    if (current === undefined) throw notFound(pods.groupResource, podName)
    const object = assignPod(pods, current, binding, scope.clock.now())
    return dryRun ? { type: 'keep' } : { type: 'write', object }
  }
  await pods.store.update(keyFor(pods, namespace, podName), (current) => decide(current as Pod | undefined))
  await sendValue(ctx, 201, media, { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 })
}

/** POST pods/<name>/binding. */
export const podBinding: ResourceHandler = (scope, ctx) => bind(scope, scope.resource, ctx, ctx.info.name)

/** POST bindings: the Pod's name is the binding's. */
export const bindingOf =
  (pods: Resource): ResourceHandler =>
  (scope, ctx) =>
    bind(scope, pods, ctx, undefined)
