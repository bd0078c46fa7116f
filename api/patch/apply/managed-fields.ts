/** metadata.managedFields: who owns which fields. Entries on the wire, sets in memory. */
import { equalJson } from '../../meta/clone.ts'
import type { KubeObject } from '../../types.ts'
import { equalSets, type FieldSet, fieldsV1FromSet, isEmpty, setFromFieldsV1, union } from './field-set.ts'

export interface Manager {
  readonly name: string
  readonly operation: 'Apply' | 'Update'
  /** `apps/v1` */
  readonly apiVersion: string
  readonly subresource: string
  /** RFC 3339; absent where sharing fields was all that an apply did. */
  readonly time: string | undefined
  readonly fields: FieldSet
}

type Entries = NonNullable<NonNullable<KubeObject['metadata']>['managedFields']>
type Entry = Entries[number]

/** Updates of more managers than this are folded into one entry. */
const maxUpdateManagers = 10
const ancientManager = 'ancient-changes'

/** Two entries are of one manager if all but time and fields agree; an applier is one whatever its version. */
export const sameManager = (a: Manager, b: Manager): boolean =>
  a.name === b.name &&
  a.operation === b.operation &&
  a.subresource === b.subresource &&
  (a.operation === 'Apply' || a.apiVersion === b.apiVersion)

const managerOf = (entry: Entry): Manager => ({
  name: entry.manager ?? '',
  operation: entry.operation === 'Apply' ? 'Apply' : 'Update',
  apiVersion: entry.apiVersion ?? '',
  subresource: entry.subresource ?? '',
  time: entry.time,
  fields: setFromFieldsV1(entry.fieldsV1 ?? {}),
})

const managersByEntry = new WeakMap<Entry, Manager>()
const entriesByManager = new WeakMap<Manager, Entry>()

const isValid = ({ operation, apiVersion, fieldsType }: Entry): boolean =>
  (operation === 'Apply' || operation === 'Update') && (apiVersion ?? '') !== '' && fieldsType === 'FieldsV1'

/** What entries say, each read once; undefined where one of them is not valid. They must not be changed afterwards. */
export const decodeManagers = (entries: Entries | undefined): readonly Manager[] | undefined => {
  if (entries === undefined || entries === null) return []
  const managers: Manager[] = []
  for (const entry of entries) {
    let manager = managersByEntry.get(entry)
    if (manager === undefined) {
      if (!isValid(entry)) return undefined
      manager = managerOf(entry)
      managersByEntry.set(entry, manager)
      entriesByManager.set(manager, entry)
    }
    managers.push(manager)
  }
  return managers
}

export const managersOf = (object: KubeObject | undefined): readonly Manager[] =>
  decodeManagers(object?.metadata?.managedFields) ?? []

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** `at` as a number, 0 for none; as text, RFC 3339 in UTC and seconds sorts the same. */
const byTime = (a: Manager, b: Manager): number => compareText(a.time ?? '', b.time ?? '')

const inOrder = (a: Manager, b: Manager): number =>
  compareText(a.operation, b.operation) ||
  byTime(a, b) ||
  compareText(a.name, b.name) ||
  compareText(a.apiVersion, b.apiVersion) ||
  compareText(a.subresource, b.subresource)

/** What upstream sorts managers of one time by. */
const identity = ({ name, operation, apiVersion, subresource }: Manager): string =>
  JSON.stringify({
    manager: name,
    operation,
    ...(operation === 'Apply' ? {} : { apiVersion }),
    ...(subresource === '' ? {} : { subresource }),
  })

export const byIdentity = (a: Manager, b: Manager): number => compareText(identity(a), identity(b))

/** Folds the oldest updates, those of a version together, until there are few enough. Upstream: capManagersManager. */
export const capManagers = (managers: readonly Manager[]): readonly Manager[] => {
  const updates = managers.filter(({ operation }) => operation === 'Update')
  if (updates.length <= maxUpdateManagers) return managers
  updates.sort((a, b) => byTime(a, b) || byIdentity(a, b))
  let count = updates.length
  /** The first of each version stays itself until there is a second to fold it with. */
  const folded = new Map<string, { first: Manager; ancient: Manager }>()
  const gone = new Set<Manager>()
  for (const manager of updates) {
    if (count <= maxUpdateManagers) break
    const bucket = folded.get(manager.apiVersion)
    if (bucket === undefined) {
      const ancient = { ...manager, name: ancientManager, subresource: '' }
      folded.set(manager.apiVersion, { first: manager, ancient })
      continue
    }
    const fields = union(bucket.ancient.fields, manager.fields)
    folded.set(manager.apiVersion, { first: bucket.first, ancient: { ...bucket.ancient, time: manager.time, fields } })
    gone.add(bucket.first).add(manager)
    count--
  }
  const buckets = [...folded.values()].filter(({ first }) => gone.has(first)).map(({ ancient }) => ancient)
  return [...managers.filter((manager) => !gone.has(manager)), ...buckets]
}

const encode = (manager: Manager): Entry => {
  const known = entriesByManager.get(manager)
  if (known !== undefined) return known
  const entry: Entry = {
    ...(manager.name === '' ? {} : { manager: manager.name }),
    operation: manager.operation,
    apiVersion: manager.apiVersion,
    ...(manager.time === undefined ? {} : { time: manager.time }),
    fieldsType: 'FieldsV1',
    fieldsV1: fieldsV1FromSet(manager.fields),
    ...(manager.subresource === '' ? {} : { subresource: manager.subresource }),
  }
  managersByEntry.set(entry, manager)
  entriesByManager.set(manager, entry)
  return entry
}

/** managedFields as stored: empty ones left out, in upstream's order. Entries that did not change are the same objects. */
export const encodeManagers = (managers: readonly Manager[]): Entries =>
  managers
    .filter(({ fields }) => !isEmpty(fields))
    .sort(inOrder)
    .map(encode)

/** Sets managedFields, or takes them away where nobody owns anything; in place. */
export const setManagers = (object: KubeObject, managers: readonly Manager[]): void => {
  const entries = encodeManagers(managers)
  const metadata = (object.metadata ??= {})
  if (entries.length === 0) delete metadata.managedFields
  else metadata.managedFields = entries
}

const sameBut = (a: Entry, b: Entry): boolean =>
  a === b ||
  (a.manager === b.manager &&
    a.operation === b.operation &&
    a.apiVersion === b.apiVersion &&
    a.subresource === b.subresource &&
    equalSets(setFromFieldsV1(a.fieldsV1 ?? {}), setFromFieldsV1(b.fieldsV1 ?? {})))

const withoutManagedFields = (object: KubeObject): KubeObject => ({
  ...object,
  metadata: { ...object.metadata, managedFields: undefined, resourceVersion: undefined } as object,
})

/**
 * Takes back new times in `object`, in place, where they are all that differs from `old`: a write that changes nothing
 * is none. Upstream: IgnoreManagedFieldsTimestampsTransformer.
 */
export const keepTimesOfUnchanged = (object: KubeObject, old: KubeObject): void => {
  const { managedFields } = object.metadata ?? {}
  const before = old.metadata?.managedFields
  if (managedFields === undefined || before === undefined || managedFields.length !== before.length) return
  if (managedFields.every((entry, index) => entry.time === before[index]?.time)) return
  // A new time may have given an entry another place among those of other appliers.
  const same = managedFields.every((entry) => before.some((other) => sameBut(entry, other)))
  if (!same || !equalJson(withoutManagedFields(object), withoutManagedFields(old))) return
  if (object.metadata !== undefined) object.metadata.managedFields = before
}
