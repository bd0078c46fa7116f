/**
 * The bookkeeping that every write but apply owes managedFields: what changed now belongs to who changed it.
 * Upstream: FieldManager.Update.
 */
import { equalJson } from '../../meta/clone.ts'
import type { KubeObject } from '../../types.ts'
import { interned, isEmpty, union } from './field-set.ts'
import { capManagers, decodeManagers, type Manager, managersOf, sameManager, setManagers } from './managed-fields.ts'
import { effectOf, type VersionOf, withoutManagedFields, withoutSystemFields } from './ownership.ts'

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

/** Managers after a change; the same list where nothing changed. */
export const managersAfterUpdate = (request: UpdateRequest, managers: readonly Manager[]): readonly Manager[] => {
  const { apiVersion, versionOf } = request
  const before = withoutManagedFields(request.before ?? {})
  const after = withoutManagedFields(request.after)
  const { comparison, remaining } = effectOf(before, after, apiVersion, versionOf, managers)
  const changed = withoutSystemFields(union(comparison.modified, comparison.added))
  if (isEmpty(changed)) return remaining
  const updater: Manager = {
    name: request.manager === '' ? 'unknown' : request.manager,
    operation: 'Update',
    apiVersion,
    subresource: request.subresource,
    time: request.time,
    fields: changed,
  }
  const former = remaining.find((manager) => sameManager(manager, updater))
  const fields = former === undefined ? changed : union(changed, former.fields)
  const now = { ...updater, fields: interned(fields) }
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
