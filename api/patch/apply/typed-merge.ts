/** Merging an applied configuration into the live object, and taking out what is applied no more. */
import { clone, setField } from '../../meta/clone.ts'
import type { Schema } from '../../schema/schema.ts'
import { emptySet, type FieldSet, isEmpty } from './field-set.ts'
import { isGranular, isJsonObject, type JsonObject, type Member, membersOf } from './typed-value.ts'

const mergeMember = (live: Member | undefined, applied: Member): unknown =>
  live !== undefined && isGranular(live) && isGranular(applied)
    ? mergeApplied(applied.schema, live.value, applied.value)
    : clone(applied.value)

/** Applied elements in their order; elements that only the live list has stay before the one they stood before. */
const mergeLists = (live: readonly Member[], applied: readonly Member[]): unknown[] => {
  const wanted = new Set(applied.map(({ element }) => element))
  const places = new Map(live.map(({ element }, index) => [element, index]))
  const result: unknown[] = []
  let next = 0
  /** Emits live-only elements before `end`; elements that are applied have their place elsewhere. */
  const keepUntil = (end: number): void => {
    for (; next < end; next++) {
      const candidate = live[next]
      if (candidate !== undefined && !wanted.has(candidate.element)) result.push(candidate.value)
    }
  }
  for (const member of applied) {
    const place = places.get(member.element)
    const end = place ?? live.findIndex(({ element }, index) => index >= next && wanted.has(element))
    keepUntil(end === -1 ? live.length : end)
    result.push(mergeMember(place === undefined ? undefined : live[place], member))
  }
  keepUntil(live.length)
  return result
}

/** The live value with the applied one laid over it; neither is changed. */
export const mergeApplied = (schema: Schema, live: unknown, applied: unknown): unknown => {
  const liveMembers = membersOf(schema, live)
  const appliedMembers = membersOf(schema, applied)
  if (schema.type === 'array') return mergeLists(liveMembers, appliedMembers)
  const existing = new Map(liveMembers.map((member) => [member.element, member]))
  const result: JsonObject = isJsonObject(live) ? { ...live } : {}
  for (const member of appliedMembers) {
    setField(result, member.element.slice(2), mergeMember(existing.get(member.element), member))
  }
  return result
}

/**
 * The value without the fields in `remove`; what stands at or above a field in `keep` stays, so that a container goes
 * as a whole only where nobody else owns a part of it.
 */
export const removeFields = (schema: Schema, value: unknown, remove: FieldSet, keep: FieldSet): unknown => {
  const survivors = membersOf(schema, value).flatMap((member): { member: Member; value: unknown }[] => {
    const gone = remove.children.get(member.element) ?? emptySet
    if (isEmpty(gone)) return [{ member, value: member.value }]
    const kept = keep.children.get(member.element) ?? emptySet
    if (gone.member && isEmpty(kept)) return []
    if (!isGranular(member)) return [{ member, value: member.value }]
    return [{ member, value: removeFields(member.schema, member.value, gone, kept) }]
  })
  if (schema.type === 'array') return survivors.map((survivor) => survivor.value)
  const result: JsonObject = {}
  for (const survivor of survivors) setField(result, survivor.member.element.slice(2), survivor.value)
  return result
}
