/**
 * The bookkeeping that every write but apply owes managedFields: what changed now belongs to who changed it.
 * Upstream: FieldManager.Update.
 */
import { equalJson } from '../../meta/clone.ts'
import type { KubeObject } from '../../types.ts'
import { type FieldSet, interned, isEmpty, maxInternedLength, union } from './field-set.ts'
import { capManagers, decodeManagers, type Manager, managersOf, sameManager, setManagers } from './managed-fields.ts'
import { effectOf, type Version, type VersionOf, withoutManagedFields, withoutSystemFields } from './ownership.ts'
import { shapeOf } from './shape.ts'

export interface UpdateRequest {
  /** The stored object; undefined where it is created. */
  readonly before: KubeObject | undefined
  /** What the client wants to be stored; its managedFields are set in place. */
  readonly after: KubeObject
  /** Name of the writer. */
  readonly manager: string
  /** RFC 3339, for the entry. */
  readonly time: string
  /** `apps/v1` */
  readonly apiVersion: string
  /** '' for the resource itself. */
  readonly subresource: string
  readonly versionOf: VersionOf
}

/** `[]` and `[{}]` reset managedFields. */
const isReset = (entries: readonly object[] | undefined): boolean =>
  Array.isArray(entries) &&
  (entries.length === 0 || (entries.length === 1 && Object.keys(entries[0] ?? {}).length === 0))

/** The entries to start from: the client's if it sent valid ones, else the stored ones; none after a reset. */
const startingPoint = ({ before, after, subresource }: UpdateRequest): readonly Manager[] => {
  if (subresource !== '') return managersOf(before)
  const sent = after.metadata?.managedFields
  if (sent === undefined) return managersOf(before)
  if (isReset(sent)) return []
  // Most clients send back what they read: entries that are the stored ones need not be read again.
  const stored = before?.metadata?.managedFields ?? []
  const managers = decodeManagers(
    sent.map((entry, index) => {
      const known = stored[index]
      return known !== undefined && equalJson(entry, known) ? known : entry
    }),
  )
  return managers === undefined || managers.length === 0 ? managersOf(before) : managers
}

interface Changed {
  /** Fields that are new or not as they were. */
  readonly fields: FieldSet
  /** Their former managers, without them. */
  readonly remaining: readonly Manager[]
}

const compared = (request: UpdateRequest, managers: readonly Manager[]): Changed => {
  const before = withoutManagedFields(request.before ?? {})
  const after = withoutManagedFields(request.after)
  const { comparison, remaining } = effectOf(before, after, request.apiVersion, request.versionOf, managers)
  return { fields: withoutSystemFields(union(comparison.modified, comparison.added)), remaining }
}

const maxShapes = 1024
const fieldsByShape = new WeakMap<Version, Map<string, FieldSet>>()

/** A new object that nobody manages yet: its shape alone says what it has. */
const fieldsOfNew = (request: UpdateRequest): FieldSet => {
  const version = request.versionOf(request.apiVersion)
  if (version === undefined) return compared(request, []).fields
  let known = fieldsByShape.get(version)
  if (known === undefined) fieldsByShape.set(version, (known = new Map()))
  const shape = shapeOf(version.schema, withoutManagedFields(request.after))
  let fields = known.get(shape)
  if (fields === undefined) {
    fields = interned(compared(request, []).fields)
    if (shape.length > maxInternedLength) return fields
    if (known.size >= maxShapes) known.delete(known.keys().next().value ?? '')
    known.set(shape, fields)
  }
  return fields
}

/** Managers after a change; the same list where nothing changed. */
export const managersAfterUpdate = (request: UpdateRequest, managers: readonly Manager[]): readonly Manager[] => {
  const isNew = request.before === undefined && managers.length === 0
  const { fields: changed, remaining } = isNew
    ? { fields: fieldsOfNew(request), remaining: [] }
    : compared(request, managers)
  if (isEmpty(changed)) return remaining
  const updater: Manager = {
    name: request.manager === '' ? 'unknown' : request.manager,
    operation: 'Update',
    apiVersion: request.apiVersion,
    subresource: request.subresource,
    time: request.time,
    fields: changed,
  }
  const former = remaining.find((manager) => sameManager(manager, updater))
  const now = isNew
    ? updater
    : { ...updater, fields: interned(former === undefined ? changed : union(changed, former.fields)) }
  return capManagers([...remaining.filter((manager) => manager !== former), now])
}

/** Sets managedFields of `after`, in place. Objects that nobody manages stay so until the first apply. */
export const trackUpdate = (request: UpdateRequest): void => {
  const { before, after } = request
  const managers = startingPoint(request)
  if (managers.length === 0 && before !== undefined) {
    if (after.metadata !== undefined) delete after.metadata.managedFields
    return
  }
  setManagers(after, managersAfterUpdate(request, managers))
}
