/** What becomes of owned fields when an object changes: the part that applies and updates have in common. */
import { canonicalOf, writtenForm } from '../../codec/canonical.ts'
import type { Schema } from '../../schema/schema.ts'
import type { KubeObject } from '../../types.ts'
import {
  difference,
  emptySet,
  type FieldSet,
  intersection,
  isEmpty,
  setOfPath,
  union,
  withoutBelow,
} from './field-set.ts'
import type { Manager } from './managed-fields.ts'
import { type Comparison, compare } from './typed-sets.ts'

/** One version of a kind: entries of managedFields speak of the fields of the version that they were made in. */
export interface Version {
  readonly schema: Schema
  /** From the version of the request to this one; undefined: it is the same. */
  readonly convert?: (object: KubeObject) => KubeObject
  readonly convertBack?: (object: KubeObject) => KubeObject
  /** Fields that this endpoint resets, and that nobody can own or lose through it: `status` of the main resource. */
  readonly ignored: IgnoredFields
}

/** Either all below some paths, or all but what `keep` lets pass (`pods/resize`). */
export type IgnoredFields =
  | { readonly type: 'paths'; readonly set: FieldSet }
  | { readonly type: 'all-but'; readonly keep: (fields: FieldSet) => FieldSet }

export const ignoring = (paths: readonly (readonly string[])[]): IgnoredFields => ({
  type: 'paths',
  set: paths.map(setOfPath).reduce(union, emptySet),
})

/** Finds the version of an entry; undefined where it is served no more. */
export type VersionOf = (apiVersion: string) => Version | undefined

export const withoutIgnored = (fields: FieldSet, ignored: IgnoredFields): FieldSet =>
  ignored.type === 'paths' ? withoutBelow(fields, ignored.set) : ignored.keep(fields)

/** Fields that the server owns: nobody manages them. */
const systemFields: FieldSet = [
  ['apiVersion'],
  ['kind'],
  ['metadata'],
  ['metadata', 'name'],
  ['metadata', 'namespace'],
  ['metadata', 'creationTimestamp'],
  ['metadata', 'selfLink'],
  ['metadata', 'uid'],
  ['metadata', 'clusterName'],
  ['metadata', 'generation'],
  ['metadata', 'managedFields'],
  ['metadata', 'resourceVersion'],
]
  .map(setOfPath)
  .reduce(union, emptySet)

export const withoutSystemFields = (fields: FieldSet): FieldSet => difference(fields, systemFields)

/** A shallow copy without managedFields, so that they are never fields themselves. */
export const withoutManagedFields = (object: KubeObject): KubeObject => {
  if (object.metadata?.managedFields === undefined) return object
  const { managedFields: _, ...metadata } = object.metadata
  return { ...object, metadata }
}

export interface Conflict {
  readonly manager: Manager
  /** Fields of theirs that changed. */
  readonly fields: FieldSet
}

export interface Effect {
  /** In the version of the request. */
  readonly comparison: Comparison
  readonly conflicts: readonly Conflict[]
  /** The managers without what was changed or removed; those that own nothing any more are left out. */
  readonly remaining: readonly Manager[]
}

/** Compares in every version that somebody owns fields in, each once. `before` and `after` are without managedFields. */
export const effectOf = (
  before: KubeObject,
  after: KubeObject,
  apiVersion: string,
  versionOf: VersionOf,
  managers: readonly Manager[],
): Effect => {
  const comparisons = new Map<string, Comparison | undefined>()
  const compareIn = (wanted: string): Comparison | undefined => {
    if (comparisons.has(wanted)) return comparisons.get(wanted)
    const version = versionOf(wanted)
    let comparison: Comparison | undefined
    if (version !== undefined) {
      const { schema, convert = (object) => object, ignored } = version
      const canonical = canonicalOf(schema, writtenForm)
      const { added, modified, removed } = compare(schema, canonical(convert(before)), canonical(convert(after)))
      comparison = {
        added: withoutIgnored(added, ignored),
        modified: withoutIgnored(modified, ignored),
        removed: withoutIgnored(removed, ignored),
      }
    }
    comparisons.set(wanted, comparison)
    return comparison
  }
  const comparison = compareIn(apiVersion)
  if (comparison === undefined) throw new Error(`no schema of ${apiVersion}`)
  const conflicts: Conflict[] = []
  const remaining: Manager[] = []
  for (const manager of managers) {
    const changes = compareIn(manager.apiVersion)
    if (changes === undefined) continue
    const lost = intersection(manager.fields, union(changes.modified, changes.added))
    if (!isEmpty(lost)) conflicts.push({ manager, fields: lost })
    const fields = difference(difference(manager.fields, lost), changes.removed)
    if (fields === manager.fields) remaining.push(manager)
    else if (!isEmpty(fields)) remaining.push({ ...manager, fields })
  }
  return { comparison, conflicts, remaining }
}
