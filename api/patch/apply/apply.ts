/**
 * Server-side apply, and the bookkeeping that every other write owes it.
 *
 * Flow of an apply: lay the configuration over the live object; take out what the applier owned and applies no more,
 * unless somebody else owns it; see what changed; what changed and belongs to others is a conflict, or is taken over by
 * `force`. Flow of an update: what changed now belongs to the updater. Upstream: fieldmanager, structured-merge-diff.
 */
import { equalJson } from '../../meta/clone.ts'
import { badRequest, StatusError } from '../../meta/status-error.ts'
import type { ObjectSchema } from '../../schema/schema.ts'
import type { KubeObject } from '../../types.ts'
import { failedPatch } from '../patch-error.ts'
import {
  difference,
  emptySet,
  equalSets,
  type FieldSet,
  intersection,
  isEmpty,
  pathsOf,
  setOfPath,
  union,
  withNamedContainers,
  withoutBelow,
} from './field-set.ts'
import {
  encodeManagers,
  type Manager,
  managersOf,
  sameManager,
  sameManagers,
  unmanagedFields,
} from './managed-fields.ts'
import { checkTyped } from './typed-check.ts'
import { mergeApplied, removeFields } from './typed-merge.ts'
import { compare, fieldSetOf } from './typed-sets.ts'

export interface ApplyRequest {
  readonly schema: ObjectSchema
  /** The stored object; undefined where the apply creates it. */
  readonly live: KubeObject | undefined
  /** The configuration as sent: only the fields that the applier wants. */
  readonly applied: KubeObject
  /** Name of the applier (`fieldManager`). */
  readonly manager: string
  readonly force: boolean
  /** RFC 3339, for the entry. */
  readonly time: string
  /** `apps/v1` */
  readonly apiVersion: string
  readonly subresource?: string
  /** Fields that this endpoint resets, and that nobody can own through it: `[['status']]` by default. */
  readonly resetFields?: readonly (readonly string[])[]
}

const ignoredFields = (subresource: string, resetFields: ApplyRequest['resetFields']): FieldSet =>
  (resetFields ?? (subresource === '' ? [['status']] : [])).map(setOfPath).reduce(union, unmanagedFields())

const withoutManagedFields = (object: KubeObject): KubeObject => {
  if (object.metadata?.managedFields === undefined) return object
  const { managedFields: _, ...metadata } = object.metadata
  return { ...object, metadata }
}

/** `"kubectl" with subresource "scale" using apps/v1 at 2026-01-01T00:00:00Z`. */
const describeManager = ({ name, subresource, operation, apiVersion, time }: Manager): string => {
  const who = `${JSON.stringify(name)}${subresource === '' ? '' : ` with subresource ${JSON.stringify(subresource)}`}`
  if (operation === 'Apply') return who
  return `${who} using ${apiVersion}${time === undefined ? '' : ` at ${time}`}`
}

interface Conflict {
  readonly manager: Manager
  readonly paths: readonly string[]
}

const conflictError = (conflicts: readonly Conflict[]): StatusError => {
  const causes = conflicts.flatMap(({ manager, paths }) =>
    paths.map((field) => ({
      reason: 'FieldManagerConflict',
      message: `conflict with ${describeManager({ ...manager, time: undefined })}`,
      field,
    })),
  )
  const [first] = causes
  const listed = conflicts
    .map(({ manager, paths }) =>
      [`conflicts with ${describeManager({ ...manager, time: undefined })}:`, ...paths.map((path) => `- ${path}`)].join(
        '\n',
      ),
    )
    .join('\n')
  const text = causes.length === 1 && first !== undefined ? `${first.message}: ${first.field}` : listed
  const count = `${causes.length} conflict${causes.length === 1 ? '' : 's'}`
  return new StatusError('Conflict', `Apply failed with ${count}: ${text}`, { details: { causes } })
}

const withManagers = (object: KubeObject, managers: readonly Manager[], apiVersion: string): KubeObject => {
  const entries = encodeManagers(managers, apiVersion)
  const metadata = { ...object.metadata }
  if (entries.length === 0) delete metadata.managedFields
  else metadata.managedFields = entries as NonNullable<typeof metadata.managedFields>
  return { ...object, metadata }
}

const checkApplied = ({ schema, applied, apiVersion }: ApplyRequest): void => {
  if (applied.metadata?.managedFields !== undefined) throw badRequest('metadata.managedFields must be nil')
  const problems = checkTyped(schema, applied)
  if (problems.length === 0) return
  const { name = '', namespace = '' } = applied.metadata ?? {}
  const kind = schema.gvks[0]?.kind ?? ''
  const text = problems.length === 1 ? problems[0] : `errors:\n${problems.map((problem) => `  ${problem}`).join('\n')}`
  throw failedPatch(`failed to create typed patch object (${namespace}/${name}; ${apiVersion}, Kind=${kind}): ${text}`)
}

/**
 * The object to store. Where nothing changes, not even ownership, it is `live` itself. Throws StatusError: Conflict
 * where fields of others would change without `force`, 500 (as upstream) where the configuration does not fit the schema.
 */
export const applyPatch = (request: ApplyRequest): KubeObject => {
  checkApplied(request)
  const { schema, applied, apiVersion, subresource = '' } = request
  const live = withoutManagedFields(request.live ?? { apiVersion, kind: applied.kind ?? '' })
  const before = managersOf(request.live)
  const ignored = ignoredFields(subresource, request.resetFields)
  const applier: Manager = {
    name: request.manager,
    operation: 'Apply',
    apiVersion,
    subresource,
    time: request.time,
    fields: withoutBelow(fieldSetOf(schema, applied), ignored),
  }
  const former = before.find((manager) => sameManager(manager, applier))
  const others = before.filter((manager) => manager !== former)

  const merged = mergeApplied(schema, live, applied)
  const dropped = difference(withNamedContainers(former?.fields ?? emptySet), withNamedContainers(applier.fields))
  const owned = others.map(({ fields }) => fields).reduce(union, applier.fields)
  const object = removeFields(schema, merged, dropped, owned) as KubeObject

  const { added, modified, removed } = compare(schema, live, object)
  const changed = withoutBelow(union(added, modified), ignored)
  if (!request.force) {
    const conflicts = others
      .map((manager) => ({ manager, paths: pathsOf(intersection(manager.fields, changed)) }))
      .filter(({ paths }) => paths.length > 0)
    if (conflicts.length > 0) throw conflictError(conflicts)
  }
  const remaining = others.map((manager) => ({
    ...manager,
    fields: difference(difference(manager.fields, changed), removed),
  }))
  const unchanged = former !== undefined && equalSets(former.fields, applier.fields) && former.apiVersion === apiVersion
  const managers = [...remaining, unchanged && former.time !== undefined ? { ...applier, time: former.time } : applier]
  if (
    request.live !== undefined &&
    equalJson(live, object) &&
    sameManagers(
      before,
      managers.filter(({ fields }) => !isEmpty(fields)),
    )
  ) {
    return request.live
  }
  // Times of unchanged appliers move too where the object changes.
  return withManagers(object, equalJson(live, object) ? managers : [...remaining, applier], apiVersion)
}

export interface UpdateRequest {
  readonly schema: ObjectSchema
  /** The stored object; undefined where it is created. */
  readonly before: KubeObject | undefined
  readonly after: KubeObject
  readonly manager: string
  readonly time: string
  readonly apiVersion: string
  readonly subresource?: string
  readonly resetFields?: ApplyRequest['resetFields']
}

/**
 * `after` with managedFields as a plain write (create, update, other patches) leaves them: what changed belongs to
 * `manager`. A client that empties managedFields resets them; entries that it sends otherwise are not looked at.
 */
export const updateManagedFields = (request: UpdateRequest): KubeObject => {
  const { schema, apiVersion, subresource = '' } = request
  const reset =
    Array.isArray(request.after.metadata?.managedFields) && request.after.metadata.managedFields.length === 0
  const managers = reset && request.before !== undefined ? [] : managersOf(request.before)
  const before = withoutManagedFields(request.before ?? {})
  const after = withoutManagedFields(request.after)
  const ignored = ignoredFields(subresource, request.resetFields)
  const { added, modified, removed } = compare(schema, before, after)
  const changed = withoutBelow(union(added, modified), ignored)
  const updater: Manager = {
    name: request.manager,
    operation: 'Update',
    apiVersion,
    subresource,
    time: request.time,
    fields: emptySet,
  }
  const former = managers.find((manager) => sameManager(manager, updater))
  const fields = difference(union(former?.fields ?? emptySet, changed), removed)
  const unchanged = former !== undefined && equalSets(former.fields, fields)
  const others = managers
    .filter((manager) => manager !== former)
    .map((manager) => ({ ...manager, fields: difference(difference(manager.fields, changed), removed) }))
  return withManagers(after, [...others, unchanged ? former : { ...updater, fields }], apiVersion)
}

/** The default `fieldManager`: the part of the User-Agent before the slash. Upstream: managerOrUserAgent. */
export const managerFromUserAgent = (userAgent: string): string =>
  (userAgent.split('/')[0] ?? '').replace(/[^\x20-\x7e]/g, '').slice(0, 128)
