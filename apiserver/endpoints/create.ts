/** POST to a collection. */
import { canonicalStored } from '../registry/canonical.ts'
import { createObject } from '../registry/create.ts'
import { fieldScopeOf, trackWrite, withConversions } from '../registry/field-manager.ts'
import { readBody } from '../server/body.ts'
import type { HttpContext } from '../server/context.ts'
import { decodeBytesAs } from './decode.ts'
import { parseWriteQuery } from './options.ts'
import { admissionAttributes, checkNamespace, managerOf, type Scope } from './scope.ts'
import { negotiateObject, sendEntry } from './send.ts'

export const create = async (scope: Scope, ctx: HttpContext): Promise<void> => {
  const { resource, admission, clock } = scope
  const media = negotiateObject(ctx, resource)
  const { dryRun, fieldValidation, fieldManager } = parseWriteQuery(ctx.query, 'CreateOptions')
  const decoded = decodeBytesAs(ctx, await readBody(ctx.request), resource.definition, fieldValidation)
  const object = canonicalStored(resource.definition, decoded)
  resource.definition.setDefaults?.(object)
  ctx.audit?.requestObject(object)
  checkNamespace(object, resource, ctx.info.namespace)
  const manager = managerOf(ctx, fieldManager)
  await withConversions(() => trackWrite(fieldScopeOf(resource, ''), undefined, object, manager, clock.now()))
  await admission.mutate(admissionAttributes(scope, ctx, 'CREATE', { object, dryRun }))
  resource.definition.setDefaults?.(object)
  const entry = await createObject(resource, object, {
    dryRun,
    clock,
    validating: (stored) => admission.validate(admissionAttributes(scope, ctx, 'CREATE', { object: stored, dryRun })),
  })
  ctx.warnings.push(...(resource.definition.warnings?.(object, undefined) ?? []))
  await sendEntry(ctx, resource, 201, media, entry)
}
