/** GET, PUT and PATCH of /scale: replicas of a workload as autoscaling/v1 Scale. Upstream: ScaleREST of each workload. */
import { scaleColumns } from '../../../api/autoscaling/scale-columns.ts'
import { invalid, invalidObject } from '../../../api/meta/field-error.ts'
import { notFound } from '../../../api/meta/status-error.ts'
import { setScaleManagers, setWorkloadManagers } from '../../../api/patch/apply/scale-fields.ts'
import type { KubeObject, Scale } from '../../../api/types.ts'
import { apiVersionOf, presented, type Resource } from '../../registry/resource.ts'
import { scaleScope, trackWrite } from '../../registry/field-manager.ts'
import { updateObject } from '../../registry/update.ts'
import { readBody } from '../../server/body.ts'
import type { HttpContext } from '../../server/context.ts'
import { sendValue } from '../../server/respond.ts'
import { cloneJson } from '../../storage/json.ts'
import { decodeBytesAs } from '../decode.ts'
import { parseWriteQuery } from '../options.ts'
import { applyPatch, readPatch } from '../patch.ts'
import { readEntry } from '../read.ts'
import type { SubresourceHandlers } from '../router.ts'
import { admissionAttributes, checkName, checkNamespace, managerOf, type Scope } from '../scope.ts'
import { negotiateBuiltIn, negotiatePlain, sendBuiltIn } from '../send.ts'

const scaleGvk = { group: 'autoscaling', version: 'v1', kind: 'Scale' }

const scaleOf = ({ definition }: Resource, object: KubeObject): Scale => {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata ?? {}
  const { scale } = definition
  if (scale === undefined) throw new Error(`${definition.plural} has no scale mapping`)
  const selector = scale.getSelector(object)
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: {
      ...(name === undefined ? {} : { name }),
      ...(namespace === undefined ? {} : { namespace }),
      ...(uid === undefined ? {} : { uid }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
      ...(creationTimestamp === undefined ? {} : { creationTimestamp }),
    },
    spec: { replicas: scale.getSpecReplicas(object) },
    status: { replicas: scale.getStatusReplicas(object), ...(selector === '' ? {} : { selector }) },
  }
}

const getScale = async ({ resource }: Scope, ctx: HttpContext): Promise<void> => {
  const media = negotiateBuiltIn(ctx)
  const entry = await readEntry(resource, ctx.info.namespace, ctx.info.name, ctx.query.get('resourceVersion') ?? '')
  await sendBuiltIn(ctx, media, scaleOf(resource, presented(resource, entry.object)), scaleColumns)
}

type MakeScale = (current: Scale, attempt: number) => KubeObject

const writeScale = async (scope: Scope, ctx: HttpContext, dryRun: boolean, make: MakeScale): Promise<void> => {
  const { resource, admission, clock } = scope
  const { namespace, name } = ctx.info
  const media = negotiatePlain(ctx)
  let attempt = 0
  const result = await updateObject(
    resource,
    { namespace, name },
    async (current) => {
      if (current === undefined) throw notFound(resource.groupResource, name)
      const before = scaleOf(resource, current)
      setScaleManagers(before, current)
      const scale = make(before, attempt) as Scale
      // A patch has been recorded as it came.
      if (attempt++ === 0 && ctx.info.verb === 'update') ctx.audit?.requestObject(scale)
      checkNamespace(scale, resource, namespace)
      checkName(scale, name)
      await admission.mutate(
        admissionAttributes(scope, ctx, 'UPDATE', { object: scale, oldObject: before, dryRun, kind: scaleGvk }),
      )
      const replicas = scale.spec?.replicas ?? 0
      if (replicas < 0) {
        throw invalidObject(scaleGvk, name, [invalid('spec.replicas', replicas, 'must be greater than or equal to 0')])
      }
      const object = cloneJson(current)
      resource.definition.scale?.setSpecReplicas(object, replicas)
      setWorkloadManagers(object, scale, apiVersionOf(resource.definition))
      // Empty is unconditional; uid and resourceVersion, where given, must be the workload's.
      const metadata = (object.metadata ??= {})
      const { resourceVersion, uid } = scale.metadata ?? {}
      if (resourceVersion === undefined) delete metadata.resourceVersion
      else metadata.resourceVersion = resourceVersion
      if (uid !== undefined && uid !== '') metadata.uid = uid
      return object
    },
    {
      dryRun,
      clock,
      scope: 'main',
      validating: (object, old) => {
        const scales = {
          object: scaleOf(resource, object),
          oldObject: old === undefined ? undefined : scaleOf(resource, old),
        }
        return admission.validate(admissionAttributes(scope, ctx, 'UPDATE', { ...scales, dryRun, kind: scaleGvk }))
      },
    },
  )
  await sendValue(ctx, 200, media, scaleOf(resource, presented(resource, result.entry.object)))
}

const putScale = async (scope: Scope, ctx: HttpContext): Promise<void> => {
  const { dryRun, fieldValidation, fieldManager } = parseWriteQuery(ctx.query, 'UpdateOptions')
  const body = await readBody(ctx.request)
  return writeScale(scope, ctx, dryRun, (current, attempt) => {
    const scale = decodeBytesAs(ctx, body, scaleGvk, attempt === 0 ? fieldValidation : 'Ignore')
    trackWrite(scaleScope(), current, scale, managerOf(ctx, fieldManager), scope.clock.now())
    return scale
  })
}

const patchScale = async (scope: Scope, ctx: HttpContext): Promise<void> => {
  const patch = await readPatch(ctx)
  return writeScale(scope, ctx, patch.query.dryRun, (current, attempt) =>
    applyPatch(ctx, patch, current, scaleScope(), scope.clock.now(), attempt),
  )
}

export const scaleHandlers: SubresourceHandlers = { get: getScale, update: putScale, patch: patchScale }
