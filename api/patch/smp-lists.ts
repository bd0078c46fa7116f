/** Merging of lists in strategic merge patches. */
import type { ArraySchema, Schema } from '../schema/schema.ts'
import { equalJson, getField } from '../meta/clone.ts'
import { failedPatch, goFormat } from './patch-error.ts'
import { isJsonObject, type JsonObject, patchDirective, withoutDirectives } from './smp-directives.ts'
import { identityOf, orderMerged } from './smp-order.ts'

export type MergeObjects = (original: JsonObject, patch: JsonObject, schema: Schema | undefined) => JsonObject

const includes = (list: readonly unknown[], value: unknown): boolean => list.some((item) => equalJson(item, value))

/** Deletes what `$patch: delete` elements name, and splits them off; `$patch: replace` empties the original. */
const applyElementDirectives = (
  original: readonly unknown[],
  patch: readonly unknown[],
  mergeKey: string,
): { original: readonly unknown[]; patch: unknown[] } => {
  let rest = original
  let replace = false
  const plain: unknown[] = []
  for (const element of patch) {
    const directive = isJsonObject(element) ? getField(element, patchDirective) : undefined
    if (directive === undefined) plain.push(element)
    else if (directive === 'replace') replace = true
    else if (directive === 'delete') {
      const id = identityOf(element, mergeKey)
      rest = rest.filter((item) => !equalJson(identityOf(item, mergeKey), id))
    } else if (directive === 'merge') throw failedPatch('merging lists cannot yet be specified in the patch')
    else throw failedPatch(`unknown patch type: ${goFormat(directive)} in map: ${goFormat(element)}`)
  }
  return replace ? { original: [], patch: plain } : { original: rest, patch: plain }
}

const mergeObjectLists = (
  original: readonly unknown[],
  patch: readonly unknown[],
  schema: ArraySchema,
  mergeObjects: MergeObjects,
): unknown[] => {
  const mergeKey = schema.patchMergeKey
  if (mergeKey === undefined) {
    const name = schema.items.type === 'object' ? schema.items.name.split('.').at(-1) : schema.items.type
    throw failedPatch(`cannot merge lists without merge key for ${name}`)
  }
  const directed = applyElementDirectives(original, patch, mergeKey)
  const merged = [...directed.original]
  for (const element of directed.patch) {
    const id = identityOf(element, mergeKey)
    const index = merged.findIndex((item) => equalJson(identityOf(item, mergeKey), id))
    const existing = merged[index]
    if (isJsonObject(existing) && isJsonObject(element)) merged[index] = mergeObjects(existing, element, schema.items)
    else {
      const added = withoutDirectives(element)
      if (added !== undefined) merged.push(added)
    }
  }
  return orderMerged(merged, directed.patch, original, mergeKey)
}

/** Merges a patch list into the original; `schema` is the list's, with strategy merge. */
export const mergeLists = (
  original: readonly unknown[],
  patch: readonly unknown[],
  schema: ArraySchema,
  mergeObjects: MergeObjects,
): unknown[] => {
  const elements = [...original, ...patch]
  if (elements.some(Array.isArray)) throw failedPatch('lists of lists are not supported')
  const objects = elements.filter(isJsonObject).length
  if (objects !== 0 && objects !== elements.length) throw failedPatch('list element types are not identical')
  if (objects > 0) return mergeObjectLists(original, patch, schema, mergeObjects)
  const merged: unknown[] = []
  for (const element of elements) if (!includes(merged, element)) merged.push(element)
  return orderMerged(merged, patch, original, undefined)
}

/** `$deleteFromPrimitiveList`: the original without the named values. */
export const deleteFromList = (original: readonly unknown[], values: readonly unknown[]): unknown[] =>
  original.filter((element) => !includes(values, element))
