/**
 * Subresources that change one part of their object and keep the rest: namespaces/finalize, CSR approval,
 * pods/ephemeralcontainers and pods/resize.
 */
import { type FieldError, invalidObject } from '../../../api/meta/field-error.ts'
import { notFound } from '../../../api/meta/status-error.ts'
import type { KubeObject } from '../../../api/types.ts'
import { fieldScopeOf, trackWrite } from '../../registry/field-manager.ts'
import { updateObject } from '../../registry/update.ts'
import { readBody } from '../../server/body.ts'
import type { HttpContext } from '../../server/context.ts'
import { decodeBytesAs } from '../decode.ts'
import { parseWriteQuery } from '../options.ts'
import { applyPatch, readPatch } from '../patch.ts'
import { get } from '../read.ts'
import type { SubresourceHandlers } from '../router.ts'
import { admissionAttributes, checkName, checkNamespace, gvkOf, managerOf, type Scope } from '../scope.ts'
import { negotiateObject, sendEntry } from '../send.ts'

export interface PartRules {
  /** Puts back, in `object`, all that this endpoint may not change. */
  readonly keepRest: (object: KubeObject, old: KubeObject, nowMs: number) => void
  readonly validate?: (object: KubeObject, old: KubeObject) => readonly FieldError[]
}

type Make = (current: KubeObject, attempt: number) => KubeObject

const write = async (scope: Scope, ctx: HttpContext, rules: PartRules, dryRun: boolean, make: Make): Promise<void> => {
  const { resource, admission, clock } = scope
  const { namespace, name } = ctx.info
  const media = negotiateObject(ctx, resource)
  let attempt = 0
  const result = await updateObject(
    resource,
    { namespace, name },
    async (current) => {
      if (current === undefined) throw notFound(resource.groupResource, name)
      const object = make(current, attempt)
      // A patch has been recorded as it came.
      if (attempt++ === 0 && ctx.info.verb === 'update') ctx.audit?.requestObject(object)
      checkNamespace(object, resource, namespace)
      checkName(object, name)
      resource.definition.setDefaults?.(object)
      await admission.mutate(admissionAttributes(scope, ctx, 'UPDATE', { object, oldObject: current, dryRun }))
      rules.keepRest(object, current, clock.now())
      const errors = rules.validate?.(object, current) ?? []
      if (errors.length > 0) throw invalidObject(resource.definition, name, errors)
      return object
    },
    {
      dryRun,
      clock,
      scope: 'unrestricted',
      validating: (object, old) =>
        admission.validate(admissionAttributes(scope, ctx, 'UPDATE', { object, oldObject: old, dryRun })),
    },
  )
  await sendEntry(ctx, resource, 200, media, result.entry)
}

export const partHandlers = (rules: PartRules): SubresourceHandlers => ({
  get,
  update: async (scope, ctx) => {
    const { dryRun, fieldValidation, fieldManager } = parseWriteQuery(ctx.query, 'UpdateOptions')
    const body = await readBody(ctx.request)
    const fields = fieldScopeOf(scope.resource, scope.subresource)
    return write(scope, ctx, rules, dryRun, (current, attempt) => {
      const object = decodeBytesAs(ctx, body, gvkOf(scope), attempt === 0 ? fieldValidation : 'Ignore')
      scope.resource.definition.setDefaults?.(object)
      trackWrite(fields, current, object, managerOf(ctx, fieldManager), scope.clock.now())
      return object
    })
  },
  patch: async (scope, ctx) => {
    const patch = await readPatch(ctx)
    const fields = fieldScopeOf(scope.resource, scope.subresource)
    return write(scope, ctx, rules, patch.query.dryRun, (current, attempt) =>
      applyPatch(ctx, patch, current, fields, scope.clock.now(), attempt),
    )
  },
})
