/**
 * Strategic merge patch: a merge patch that knows the schema, so that lists merge by key instead of being replaced.
 * Directives: `$patch`, `$retainKeys`, `$setElementOrder/<list>`, `$deleteFromPrimitiveList/<list>`.
 * Upstream: apimachinery/pkg/util/strategicpatch.
 */
import { clone, getField, setField } from '../meta/clone.ts'
import { badRequest } from '../meta/status-error.ts'
import type { ArraySchema, ObjectSchema, PatchStrategy, Schema } from '../schema/schema.ts'
import { failedPatch } from './patch-error.ts'
import {
  applyPatchDirective,
  applyRetainKeys,
  deleteFromListField,
  elementOrderField,
  isJsonObject,
  type JsonObject,
  patchDirective,
  withoutDirectives,
} from './smp-directives.ts'
import { deleteFromList, mergeLists } from './smp-lists.ts'
import { checkElementOrder, orderMerged } from './smp-order.ts'

interface FieldFacts {
  readonly schema: Schema | undefined
  readonly strategies: readonly PatchStrategy[]
}

/** Schema and strategies of a field. Values without schema (RawExtension) merge like plain JSON. */
const factsOf = (schema: Schema | undefined, name: string): FieldFacts => {
  if (schema?.type === 'map') return { schema: schema.values, strategies: [] }
  if (schema?.type !== 'object') return { schema: undefined, strategies: [] }
  const field = schema.fields.get(name)
  if (field === undefined) {
    if (schema.preserveUnknown) return { schema: undefined, strategies: [] }
    const struct = schema.name.split('.').at(-1) ?? ''
    throw failedPatch(`unable to find api field in struct ${struct} for the json field ${JSON.stringify(name)}`)
  }
  return {
    schema: field.schema,
    strategies: field.schema.type === 'array' ? field.schema.patchStrategy : field.patchStrategy,
  }
}

/** The list's schema where its elements merge; undefined where a patch replaces the whole list. */
const mergingList = ({ schema, strategies }: FieldFacts): ArraySchema | undefined =>
  schema?.type === 'array' && strategies.includes('merge') ? schema : undefined

/** Lists that `$setElementOrder` names are merged and ordered first, and taken out of the patch. */
const applyElementOrders = (original: JsonObject, patch: JsonObject, schema: Schema | undefined): void => {
  for (const name of Object.keys(patch)) {
    const field = elementOrderField(name)
    if (field === undefined) continue
    const order = patch[name]
    delete patch[name]
    if (!Array.isArray(order)) throw failedPatch('expected a []interface {}, but received a map[string]interface {}')
    const originalList = getField(original, field)
    const patchList = getField(patch, field)
    if (originalList === undefined && patchList === undefined) continue
    if (
      (originalList !== undefined && !Array.isArray(originalList)) ||
      (patchList !== undefined && !Array.isArray(patchList))
    ) {
      throw badRequest('invalid patch format of setElementOrder list')
    }
    const facts = factsOf(schema, field)
    const mergeKey = facts.schema?.type === 'array' ? facts.schema.patchMergeKey : undefined
    checkElementOrder(patchList ?? [], order, mergeKey)
    const merged = mergedList(originalList, patchList, facts)
    setField(original, field, orderMerged(merged, order, originalList ?? [], mergeKey))
    delete patch[field]
  }
}

const mergedList = (
  original: readonly unknown[] | undefined,
  patch: readonly unknown[] | undefined,
  facts: FieldFacts,
): readonly unknown[] => {
  if (patch === undefined) return original ?? []
  const list = mergingList(facts)
  if (original === undefined || list === undefined) return withoutDirectives(patch) as unknown[]
  return mergeLists(original, patch, list, mergeObjects)
}

const mergeField = (existing: unknown, value: unknown, facts: FieldFacts): unknown => {
  if (isJsonObject(existing) && isJsonObject(value)) {
    if (facts.strategies.includes('replace')) return value
    return mergeObjects(existing, value, facts.schema)
  }
  if (Array.isArray(existing) && Array.isArray(value)) return mergedList(existing, value, facts)
  return withoutDirectives(value)
}

/** Merges `patch` into `original`; both are changed and must belong to the caller. */
const mergeObjects = (original: JsonObject, patch: JsonObject, schema: Schema | undefined): JsonObject => {
  if (Object.hasOwn(patch, patchDirective)) return applyPatchDirective(patch)
  applyRetainKeys(original, patch)
  applyElementOrders(original, patch, schema)
  for (const [name, value] of Object.entries(patch)) {
    const deleteFrom = deleteFromListField(name)
    if (deleteFrom !== undefined) {
      const list = getField(original, deleteFrom)
      if (!Array.isArray(value)) throw badRequest('invalid patch format of primitive list')
      if (Array.isArray(list)) setField(original, deleteFrom, deleteFromList(list, value))
      continue
    }
    if (value === null) {
      delete original[name]
      continue
    }
    const existing = getField(original, name)
    const container = typeof existing === 'object' && existing !== null && typeof value === 'object'
    const merged = container ? mergeField(existing, value, factsOf(schema, name)) : withoutDirectives(value)
    if (merged === undefined) delete original[name]
    else setField(original, name, merged)
  }
  return original
}

/**
 * The patched object; `original` and `patch` are left as they are. Throws StatusError: BadRequest where the patch is
 * malformed, 500 without reason (as upstream) where a list element lacks its merge key or a field is unknown.
 */
export const applyStrategicMergePatch = (schema: ObjectSchema, original: object, patch: unknown): JsonObject => {
  if (!isJsonObject(patch)) throw badRequest('invalid JSON document')
  return mergeObjects(clone(original) as JsonObject, clone(patch), schema)
}
