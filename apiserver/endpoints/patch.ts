/** PATCH of an object or of its status: JSON patch, JSON merge patch, strategic merge patch, server-side apply. */
import { decodeCustom } from '../../api/apiextensions/decode-custom.ts'
import { jsonText } from '../../api/codec/encode.ts'
import { decodeValue, strictProblems, strictDecodingError } from '../../api/codec/decode.ts'
import { DecodeError, jsonKind } from '../../api/codec/decode-context.ts'
import { JsonSyntaxError, parseJson, type ParsedText } from '../../api/codec/json.ts'
import { parseYaml } from '../../api/codec/yaml.ts'
import { badRequest, conflict, notFound, StatusError, unsupportedMediaType } from '../../api/meta/status-error.ts'
import { nowRfc3339 } from '../../api/meta/time.ts'
import { applyConfiguration } from '../../api/patch/apply/apply.ts'
import { setManagers } from '../../api/patch/apply/managed-fields.ts'
import { isJsonObject } from '../../api/patch/apply/typed-value.ts'
import { applyJsonPatch, jsonPatchProblems } from '../../api/patch/json-patch.ts'
import { applyMergePatch } from '../../api/patch/merge-patch.ts'
import { invalidPatch } from '../../api/patch/patch-error.ts'
import { applyStrategicMergePatch } from '../../api/patch/strategic-merge-patch.ts'
import type { KindDefinition } from '../../api/kind.ts'
import type { ObjectSchema } from '../../api/schema/schema.ts'
import type { KubeObject } from '../../api/types.ts'
import { canonicalStored } from '../registry/canonical.ts'
import { type FieldScope, fieldScopeOf, trackWrite, withConversions } from '../registry/field-manager.ts'
import type { Resource } from '../registry/resource.ts'
import { updateObject } from '../registry/update.ts'
import { readBody } from '../server/body.ts'
import type { HttpContext } from '../server/context.ts'
import { cloneJson } from '../storage/json.ts'
import { authorizeCreate } from './create-on-update.ts'
import { mediaTypeOf } from './decode.ts'
import { type FieldValidation, parseWriteQuery, type WriteQuery } from './options.ts'
import { admissionAttributes, checkNamespace, checkPatchedName, managerOf, type Scope, warningsOf } from './scope.ts'
import { negotiateObject, sendEntry } from './send.ts'
import { updateScopeOf } from './update.ts'

type PatchType = 'json' | 'merge' | 'strategic' | 'apply'

const patchTypes: Readonly<Record<string, PatchType>> = {
  'application/json-patch+json': 'json',
  'application/merge-patch+json': 'merge',
  'application/strategic-merge-patch+json': 'strategic',
  'application/apply-patch+yaml': 'apply',
}
const acceptedPatches = Object.keys(patchTypes)

export interface Patch {
  readonly type: PatchType
  readonly body: ParsedText
  readonly query: WriteQuery
}

const parsedYaml = (bytes: Buffer): ParsedText => {
  try {
    return parseYaml(bytes)
  } catch (error) {
    if (!(error instanceof StatusError)) throw error
    throw badRequest(`error encoding patch: ${error.message.replace(/^error converting YAML to JSON: /, '')}`)
  }
}

/** YAML, or JSON, which is YAML too. Nothing at all is a configuration without a kind. */
const parseConfiguration = (bytes: Buffer): ParsedText => {
  const body = parsedYaml(bytes)
  if (body.value === null || body.value === undefined) return { ...body, value: {} }
  if (isJsonObject(body.value)) return body
  throw badRequest(
    `error decoding patch: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal ${jsonKind(body.value)} into Go value of type map[string]interface {}`,
  )
}

/** Reads the patch of a request and its options. */
export const readPatch = async (ctx: HttpContext, { custom }: Pick<KindDefinition, 'custom'> = {}): Promise<Patch> => {
  const mediaType = mediaTypeOf(ctx)
  const type = Object.hasOwn(patchTypes, mediaType) ? patchTypes[mediaType] : undefined
  if (type === undefined || (type === 'strategic' && custom !== undefined)) {
    throw unsupportedMediaType(acceptedPatches.filter((media) => custom === undefined || !media.includes('strategic')))
  }
  const bytes = await readBody(ctx.request)
  const query = parseWriteQuery(ctx.query, 'PatchOptions', type === 'apply')
  const patch = { type, body: parsePatch(type, bytes), query }
  // A configuration is YAML, and JSON in the audit log.
  if (ctx.audit?.recordsRequest === true) {
    ctx.audit.requestBody(type === 'apply' ? jsonText(patch.body.value) : bytes.toString('utf8'))
  }
  return patch
}

const parsePatch = (type: PatchType, bytes: Buffer): ParsedText => {
  if (type === 'apply') return parseConfiguration(bytes)
  try {
    return parseJson(bytes)
  } catch (error) {
    if (error instanceof JsonSyntaxError) throw badRequest(`error decoding patch: ${error.message}`)
    throw error
  }
}

const merged = (patch: Patch, schema: ObjectSchema, current: KubeObject): Record<string, unknown> => {
  const { type, body } = patch
  switch (type) {
    case 'json':
      return applyJsonPatch(current, body.value)
    case 'merge':
      return applyMergePatch(cloneJson(current), body.value)
    case 'strategic':
      return applyStrategicMergePatch(schema, current, body.value)
    case 'apply':
      throw new Error('a configuration is applied, not merged')
  }
}

const decodePatched = (
  ctx: HttpContext,
  { type, body }: Patch,
  { schema, custom, gvk, apiVersion }: FieldScope,
  patched: Record<string, unknown>,
  validation: FieldValidation,
): KubeObject => {
  try {
    const { value, unknownFields } = custom === undefined ? decodeValue(schema, patched) : decodeCustom(custom, patched)
    const problems = [...strictProblems(unknownFields, body), ...(type === 'json' ? jsonPatchProblems(body.value) : [])]
    if (problems.length > 0 && validation === 'Strict') throw strictDecodingError(schema, value, problems)
    if (problems.length > 0 && validation === 'Warn') ctx.warnings.push(...problems)
    const object = value as KubeObject
    object.kind = gvk.kind
    object.apiVersion = apiVersion
    return object
  } catch (error) {
    if (error instanceof DecodeError) throw invalidPatch(body.value, error.message)
    throw error
  }
}

/** Fields given twice in a configuration; unknown ones were refused before. */
const reportDuplicates = (ctx: HttpContext, { body }: Patch, validation: FieldValidation): void => {
  if (body.duplicates.length === 0 || validation === 'Ignore') return
  const problems = body.duplicates.map((problem) =>
    problem.startsWith('yaml:') ? `error converting YAML to JSON: ${problem}` : problem,
  )
  if (validation === 'Strict') throw badRequest(`error strict decoding patch: ${problems.join(', ')}`)
  ctx.warnings.push(...problems)
}

const applied = (
  ctx: HttpContext,
  patch: Patch,
  current: KubeObject | undefined,
  fields: FieldScope,
  nowMs: number,
  validation: FieldValidation,
): KubeObject => {
  const { fieldManager: manager, force } = patch.query
  const configuration = patch.body.value as KubeObject
  const time = nowRfc3339(nowMs)
  const result = applyConfiguration({ ...fields, live: current, applied: configuration, manager, force, time })
  reportDuplicates(ctx, patch, validation)
  // What the configuration does not touch is the live object's own, which belongs to the cache.
  const own = cloneJson(result.object) as Record<string, unknown>
  const object = decodePatched(ctx, patch, fields, own, 'Ignore')
  setManagers(object, result.managers)
  return object
}

/**
 * The patched object as an object of the scope's kind, with its managedFields; `current` stays as it is.
 * Only an apply may be given no current object. Throws what upstream answers to bad patches, and Conflict.
 */
export const applyPatch = (
  ctx: HttpContext,
  patch: Patch,
  current: KubeObject | undefined,
  fields: FieldScope,
  nowMs: number,
  attempt: number,
): KubeObject => {
  const { fieldValidation, fieldManager } = patch.query
  // Warnings are told once, however often the update is tried.
  const validation = attempt === 0 ? fieldValidation : 'Ignore'
  if (patch.type === 'apply') return applied(ctx, patch, current, fields, nowMs, validation)
  if (current === undefined) throw new Error('there is nothing to patch')
  const object = decodePatched(ctx, patch, fields, merged(patch, fields.schema, current), validation)
  trackWrite(fields, current, object, managerOf(ctx, fieldManager), nowMs)
  return object
}

const uidWithoutObject = ({ groupResource }: Resource, name: string, uid: string): StatusError =>
  conflict(
    groupResource,
    name,
    `uid mismatch: the provided object specified uid ${uid}, and no existing object was found`,
  )

export const patchObject = async (scope: Scope, ctx: HttpContext): Promise<void> => {
  const { resource, subresource, admission, clock } = scope
  const { namespace, name } = ctx.info
  const media = negotiateObject(ctx, resource)
  const patch = await readPatch(ctx, resource.definition)
  const { dryRun } = patch.query
  const mayCreate = patch.type === 'apply'
  let attempts = 0
  let before: KubeObject | undefined
  const result = await updateObject(
    resource,
    { namespace, name },
    async (current) => {
      if (current === undefined && !mayCreate) throw notFound(resource.groupResource, name)
      before = current
      const fields = fieldScopeOf(resource, subresource)
      const attempt = attempts++
      const told = ctx.warnings.length
      const patched = await withConversions(() => {
        // What a run that was broken off has warned of is said again.
        ctx.warnings.length = told
        return applyPatch(ctx, patch, current, fields, clock.now(), attempt)
      })
      const object = canonicalStored(resource.definition, patched)
      const uid = object.metadata?.uid ?? ''
      if (current === undefined && uid !== '') throw uidWithoutObject(resource, name, uid)
      checkNamespace(object, resource, namespace)
      checkPatchedName(object, name)
      resource.definition.setDefaults?.(object)
      const operation = current === undefined ? 'CREATE' : 'UPDATE'
      await admission.mutate(admissionAttributes(scope, ctx, operation, { object, oldObject: current, dryRun }))
      resource.definition.setDefaults?.(object)
      return object
    },
    {
      dryRun,
      clock,
      scope: updateScopeOf(scope),
      forceAllowCreate: mayCreate,
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
