/** What all reviews have in common: they are read and admitted like what is created, and then answered, not stored. */
import type { KubeObject } from '../../../api/types.ts'
import { fieldScopeOf, trackWrite } from '../../registry/field-manager.ts'
import type { HttpContext } from '../../server/context.ts'
import { sendValue } from '../../server/respond.ts'
import { decodeBody } from '../decode.ts'
import { parseWriteQuery } from '../options.ts'
import { admissionAttributes, checkNamespace, gvkOf, managerOf, type Scope } from '../scope.ts'
import { negotiatePlain } from '../send.ts'

export interface Review<T extends KubeObject> {
  /** As mutating admission left it. */
  readonly object: T
  /** Validating admission: to be awaited when the review is known to be valid. */
  readonly admit: () => Promise<void>
  readonly answer: (parts: { readonly metadata?: object; readonly spec?: object; status: object }) => Promise<void>
}

const systemFields = [
  'creationTimestamp',
  'uid',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'selfLink',
] as const

/** Reads a review and leads it through mutating admission. */
export const readReview = async <T extends KubeObject>(scope: Scope, ctx: HttpContext): Promise<Review<T>> => {
  const { resource, admission, clock } = scope
  const media = negotiatePlain(ctx)
  const { dryRun, fieldValidation, fieldManager } = parseWriteQuery(ctx.query, 'CreateOptions')
  const object = (await decodeBody(ctx, gvkOf(scope), fieldValidation)) as T
  const metadata = (object.metadata ??= {})
  for (const name of systemFields) delete metadata[name]
  checkNamespace(object, resource, ctx.info.namespace)
  trackWrite(fieldScopeOf(resource, ''), undefined, object, managerOf(ctx, fieldManager), clock.now())
  const attributes = admissionAttributes(scope, ctx, 'CREATE', { object, dryRun })
  await admission.mutate(attributes)
  const { kind, apiVersion } = object
  return {
    object,
    admit: () => admission.validate(attributes),
    answer: (parts) => sendValue(ctx, 201, media, { kind, apiVersion, metadata, ...parts }),
  }
}
