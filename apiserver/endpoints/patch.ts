/** PATCH of an object or of its status: JSON patch, JSON merge patch, strategic merge patch. */
import { decodeValue, strictProblems, strictDecodingError } from '../../api/codec/decode.ts'
import { DecodeError } from '../../api/codec/decode-context.ts'
import { JsonSyntaxError, parseJson, type ParsedText } from '../../api/codec/json.ts'
import { badRequest, notFound, unsupportedMediaType } from '../../api/meta/status-error.ts'
import { applyJsonPatch, jsonPatchProblems } from '../../api/patch/json-patch.ts'
import { applyMergePatch } from '../../api/patch/merge-patch.ts'
import { invalidPatch } from '../../api/patch/patch-error.ts'
import { applyStrategicMergePatch } from '../../api/patch/strategic-merge-patch.ts'
import type { Gvk } from '../../api/schema/schema.ts'
import type { KubeObject } from '../../api/types.ts'
import { apiVersionOf } from '../registry/resource.ts'
import { updateObject } from '../registry/update.ts'
import { readBody } from '../server/body.ts'
import type { HttpContext } from '../server/context.ts'
import { cloneJson } from '../storage/json.ts'
import { mediaTypeOf, schemaOf } from './decode.ts'
import { type FieldValidation, parseWriteQuery } from './options.ts'
import { admissionAttributes, checkNamespace, gvkOf, type Scope } from './scope.ts'
import { negotiateObject, sendEntry } from './send.ts'
import { updateScopeOf } from './update.ts'

type PatchType = 'json' | 'merge' | 'strategic'

const patchTypes: Readonly<Record<string, PatchType>> = {
  'application/json-patch+json': 'json',
  'application/merge-patch+json': 'merge',
  'application/strategic-merge-patch+json': 'strategic',
}
const acceptedPatches = Object.keys(patchTypes)

export interface Patch {
  readonly type: PatchType
  readonly body: ParsedText
}

/** Reads the patch of a request. Server-side apply is answered as an unknown format until it exists. */
export const readPatch = async (ctx: HttpContext): Promise<Patch> => {
  const type = patchTypes[mediaTypeOf(ctx)]
  if (type === undefined) throw unsupportedMediaType(acceptedPatches)
  const bytes = await readBody(ctx.request)
  try {
    return { type, body: parseJson(bytes) }
  } catch (error) {
    if (error instanceof JsonSyntaxError) throw badRequest(`error decoding patch: ${error.message}`)
    throw error
  }
}

/** The patched object as an object of `wanted`; `current` stays as it is. Throws what upstream answers to bad patches. */
export const applyPatch = (
  ctx: HttpContext,
  patch: Patch,
  current: KubeObject,
  wanted: Gvk,
  validation: FieldValidation,
): KubeObject => {
  const schema = schemaOf(wanted)
  const { value: body, duplicates } = patch.body
  const patched = ((): Record<string, unknown> => {
    switch (patch.type) {
      case 'json':
        return applyJsonPatch(current, body)
      case 'merge':
        return applyMergePatch(cloneJson(current), body)
      case 'strategic':
        return applyStrategicMergePatch(schema, current, body)
    }
  })()
  try {
    const { value, unknownFields } = decodeValue(schema, patched)
    const problems = [
      ...strictProblems(unknownFields, { duplicates }),
      ...(patch.type === 'json' ? jsonPatchProblems(body) : []),
    ]
    if (problems.length > 0 && validation === 'Strict') throw strictDecodingError(schema, value, problems)
    if (problems.length > 0 && validation === 'Warn') ctx.warnings.push(...problems)
    const object = value as KubeObject
    object.kind = wanted.kind
    object.apiVersion = apiVersionOf(wanted)
    return object
  } catch (error) {
    if (error instanceof DecodeError) throw invalidPatch(body, error.message)
    throw error
  }
}

export const patchObject = async (scope: Scope, ctx: HttpContext): Promise<void> => {
  const { resource, admission, clock } = scope
  const { namespace, name } = ctx.info
  const media = negotiateObject(ctx, resource)
  const patch = await readPatch(ctx)
  const { dryRun, fieldValidation } = parseWriteQuery(ctx.query, 'PatchOptions')
  let attempts = 0
  let before: KubeObject | undefined
  const result = await updateObject(
    resource,
    { namespace, name },
    async (current) => {
      if (current === undefined) throw notFound(resource.groupResource, name)
      before = current
      const object = applyPatch(ctx, patch, current, gvkOf(scope), attempts++ === 0 ? fieldValidation : 'Ignore')
      checkNamespace(object, resource, namespace)
      resource.definition.setDefaults?.(object)
      await admission.mutate(admissionAttributes(scope, ctx, 'UPDATE', { object, oldObject: current, dryRun }))
      resource.definition.setDefaults?.(object)
      return object
    },
    {
      dryRun,
      clock,
      scope: updateScopeOf(scope),
      validating: (object, old) =>
        admission.validate(admissionAttributes(scope, ctx, 'UPDATE', { object, oldObject: old, dryRun })),
    },
  )
  ctx.warnings.push(...(resource.definition.warnings?.(result.entry.object, before) ?? []))
  await sendEntry(ctx, resource, 200, media, result.entry)
}
