/**
 * Server-side apply.
 *
 * Flow: lay the configuration over the live object; take out what the applier owned and applies no more, unless
 * somebody else owns it; see what changed; what changed and belongs to others is a conflict, or is taken over by
 * `force`. Upstream: FieldManager.Apply, structured-merge-diff/merge.
 */
import { canonicalOf, writtenForm } from '../../codec/canonical.ts'
import { equalJson } from '../../meta/clone.ts'
import { badRequest } from '../../meta/status-error.ts'
import type { Gvk, ObjectSchema, Schema } from '../../schema/schema.ts'
import type { KubeObject } from '../../types.ts'
import { failedPatch } from '../patch-error.ts'
import { conflictError } from './conflict-error.ts'
import { difference, emptySet, isEmpty, union, withNamedContainers } from './field-set.ts'
import { clientSideApplier, lastAppliedFields, withLastApplied } from './last-applied.ts'
import { type Manager, managersOf, sameManager } from './managed-fields.ts'
import {
  type Conflict,
  effectOf,
  type VersionOf,
  withoutIgnored,
  withoutManagedFields,
  withoutSystemFields,
} from './ownership.ts'
import { checkTyped } from './typed-check.ts'
import { mergeApplied, removeFields } from './typed-merge.ts'
import { fieldSetOf } from './typed-sets.ts'
import { managersAfterUpdate } from './update.ts'

export interface ApplyRequest {
  readonly schema: ObjectSchema
  readonly gvk: Gvk
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
  /** '' for the resource itself. */
  readonly subresource: string
  readonly versionOf: VersionOf
}

export interface ApplyResult {
  /** Without managedFields; shares what did not change with the live object. Not defaulted. */
  readonly object: KubeObject
  readonly managers: readonly Manager[]
}

const beforeFirstApply = 'before-first-apply'

/** `apps/v1, Kind=Deployment`; the core group leaves nothing but its slash. */
const describeKind = (apiVersion: string, kind: string): string =>
  `${apiVersion.includes('/') ? '' : '/'}${apiVersion}, Kind=${kind}`

/** A configuration comes as it was written: any field may be of any type. */
const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')

const checkApplied = ({ schema, gvk, applied, apiVersion }: ApplyRequest): void => {
  if (applied.kind !== gvk.kind || applied.apiVersion !== apiVersion) {
    throw badRequest(`invalid object type: ${describeKind(textOf(applied.apiVersion), textOf(applied.kind))}`)
  }
  const metadata = (applied.metadata ?? {}) as Readonly<Record<string, unknown>>
  // A null is none.
  if ((metadata['managedFields'] ?? undefined) !== undefined) throw badRequest('metadata.managedFields must be nil')
  const problems = checkTyped(schema, applied)
  if (problems.length === 0) return
  const name = `${textOf(metadata['namespace'])}/${textOf(metadata['name'])}`
  const text = problems.length === 1 ? problems[0] : `errors:\n${problems.map((problem) => `  ${problem}`).join('\n')}`
  throw failedPatch(`failed to create typed patch object (${name}; ${describeKind(apiVersion, gvk.kind)}): ${text}`)
}

/** Objects that nobody manages yet: what they are now belongs to whoever was before. */
const managersBefore = (request: ApplyRequest, live: KubeObject): readonly Manager[] => {
  const managers = managersOf(live)
  if (managers.length > 0) return managers
  return managersAfterUpdate({ ...request, before: undefined, after: live, manager: beforeFirstApply }, [])
}

/** The merged object without what only `former` wanted. */
const prune = (request: ApplyRequest, merged: KubeObject, former: Manager, owned: Manager['fields']): KubeObject => {
  const version = request.versionOf(former.apiVersion)
  if (version === undefined || isEmpty(former.fields)) return merged
  const { schema, convert = (object) => object, convertBack = (object) => object } = version
  const dropped = difference(withNamedContainers(former.fields), owned)
  if (isEmpty(dropped)) return merged
  const pruned = removeFields(schema as Schema, convert(merged), dropped, owned)
  return convertBack((pruned ?? {}) as KubeObject)
}

/** Conflicts that are none because client-side apply, which was kubectl too, made these fields what they are. */
const withoutFormerSelf = (request: ApplyRequest, live: KubeObject, conflicts: readonly Conflict[]): Conflict[] => {
  const own =
    request.manager === clientSideApplier ? lastAppliedFields(request.schema, live, request.apiVersion) : emptySet
  return conflicts
    .map(({ manager, fields }) => ({ manager, fields: difference(fields, own) }))
    .filter(({ fields }) => !isEmpty(fields))
}

/**
 * What to store. Throws StatusError: BadRequest for another kind or for managedFields in the configuration, Conflict
 * where fields of others would change without `force`, 500 (as upstream) where it does not fit the schema.
 */
export const applyConfiguration = (request: ApplyRequest): ApplyResult => {
  checkApplied(request)
  const { schema, applied, apiVersion, subresource, versionOf } = request
  const before = request.live === undefined ? [] : managersBefore(request, request.live)
  const live = withoutManagedFields(request.live ?? ({} as KubeObject))
  const merged = mergeApplied(schema, live, applied) as KubeObject

  const ignored = versionOf(apiVersion)?.ignored
  const all = fieldSetOf(schema, applied)
  const wanted = ignored === undefined ? all : withoutIgnored(all, ignored)
  const applier: Manager = {
    name: request.manager,
    operation: 'Apply',
    apiVersion,
    subresource,
    time: request.time,
    fields: withoutSystemFields(wanted),
  }
  const former = before.find((manager) => sameManager(manager, applier))
  const others = before.filter((manager) => manager !== former)
  const owned = (): Manager['fields'] => withNamedContainers(others.map(({ fields }) => fields).reduce(union, wanted))
  const object = former === undefined ? merged : prune(request, merged, former, owned())

  const { conflicts, remaining } = effectOf(live, object, apiVersion, versionOf, others)
  if (!request.force && conflicts.length > 0) {
    const real = withoutFormerSelf(request, live, conflicts)
    if (real.length > 0) throw conflictError(real)
  }
  // An apply that changes nothing has no time of its own.
  const canonical = canonicalOf(schema, writtenForm)
  const unchanged = request.live !== undefined && equalJson(canonical(live), canonical(object))
  const time = unchanged ? former?.time : request.time
  return {
    object: request.manager === clientSideApplier ? withLastApplied(object, applied) : object,
    managers: [...remaining, { ...applier, time }],
  }
}

/** The default `fieldManager`: what stands before the slash in the User-Agent, printable and of 128 bytes at most. */
export const managerFromUserAgent = (userAgent: string): string => {
  let manager = ''
  let bytes = 0
  for (const character of userAgent.split('/')[0] ?? '') {
    if (!/[\p{L}\p{M}\p{N}\p{P}\p{S} ]/u.test(character)) continue
    bytes += Buffer.byteLength(character)
    if (bytes > maxManagerBytes) break
    manager += character
  }
  return manager
}

const maxManagerBytes = 128
