/** PUT of an object or of its status. */
import type { KubeObject } from '../../api/types.ts'
import { canonicalStored } from '../registry/canonical.ts'
import { fieldScopeOf, trackWrite, withConversions } from '../registry/field-manager.ts'
import { type UpdateScope, updateObject } from '../registry/update.ts'
import { readBody } from '../server/body.ts'
import type { HttpContext } from '../server/context.ts'
import { authorizeCreate } from './create-on-update.ts'
import { decodeBytesAs } from './decode.ts'
import { parseWriteQuery } from './options.ts'
import { admissionAttributes, checkName, checkNamespace, managerOf, type Scope, warningsOf } from './scope.ts'
import { negotiateObject, sendEntry } from './send.ts'

export const updateScopeOf = ({ subresource }: Scope): UpdateScope => (subresource === 'status' ? 'status' : 'main')

export const update = async (scope: Scope, ctx: HttpContext): Promise<void> => {
  const { resource, admission, clock } = scope
  const { namespace, name } = ctx.info
  const media = negotiateObject(ctx, resource)
  const { dryRun, fieldValidation, fieldManager } = parseWriteQuery(ctx.query, 'UpdateOptions')
  const body = await readBody(ctx.request)
  let attempts = 0
  let before: KubeObject | undefined
  const result = await updateObject(
    resource,
    { namespace, name },
    async (current) => {
      before = current
      // Warnings are told once, however often the update is tried.
      const decoded = decodeBytesAs(ctx, body, resource.definition, attempts === 0 ? fieldValidation : 'Ignore')
      const object = canonicalStored(resource.definition, decoded)
      resource.definition.setDefaults?.(object)
      if (attempts++ === 0) ctx.audit?.requestObject(object)
      checkNamespace(object, resource, namespace)
      checkName(object, name)
      const fields = fieldScopeOf(resource, scope.subresource)
      await withConversions(() => trackWrite(fields, current, object, managerOf(ctx, fieldManager), clock.now()))
      const operation = current === undefined ? 'CREATE' : 'UPDATE'
      await admission.mutate(admissionAttributes(scope, ctx, operation, { object, oldObject: current, dryRun }))
      resource.definition.setDefaults?.(object)
      return object
    },
    {
      dryRun,
      clock,
      scope: updateScopeOf(scope),
      validating: async (object, old) => {
        const operation = old === undefined ? 'CREATE' : 'UPDATE'
        if (old === undefined) await authorizeCreate(scope, ctx)
        await admission.validate(admissionAttributes(scope, ctx, operation, { object, oldObject: old, dryRun }))
      },
    },
  )
  ctx.warnings.push(...warningsOf(scope, result.entry.object, before))
  await sendEntry(ctx, resource, result.created ? 201 : 200, media, result.entry)
}
