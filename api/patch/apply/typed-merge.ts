/** Merging an applied configuration into the live object, and taking out what is applied no more. */
import { clone, setField } from '../../meta/clone.ts'
import type { Schema } from '../../schema/schema.ts'
import { emptySet, type FieldSet, isEmpty } from './field-set.ts'
import { isGranular, isJsonObject, type JsonObject, type Member, membersOf } from './typed-value.ts'

const mergeMember = (live: Member | undefined, applied: Member): unknown =>
  live !== undefined && isGranular(live) && isGranular(applied)
    ? mergeApplied(applied.schema, live.value, applied.value)
    : clone(applied.value)

/**
 * Applied elements in their order, elements that only the live list has where they stood: walks both lists at once,
 * and lets the applied order win where the two disagree. Upstream: mergingWalker.visitListItems.
 */
const mergeLists = (live: readonly Member[], applied: readonly Member[]): unknown[] => {
  const wanted = new Set(applied.map(({ element }) => element))
  const existing = new Map(live.map((member) => [member.element, member]))
  const shared = applied.filter(({ element }) => existing.has(element)).map(({ element }) => element)
  const done = new Set<string>()
  const result: unknown[] = []
  let nextShared = 0
  let l = 0
  let r = 0
  const takeApplied = (member: Member): void => {
    done.add(member.element)
    result.push(mergeMember(existing.get(member.element), member))
    if (shared[nextShared] === member.element) nextShared++
    r++
  }
  while (l < live.length || r < applied.length) {
    const left = live[l]
    const right = applied[r]
    if (left === undefined) {
      if (right !== undefined) takeApplied(right)
    } else if (!wanted.has(left.element)) {
      result.push(left.value)
      l++
    } else if (right === undefined) {
      l++
    } else if (left.element === right.element) {
      takeApplied(right)
      l++
    } else if (shared[nextShared] !== undefined && shared[nextShared] !== left.element) {
      // Applied too, but later: its place is with the configuration.
      l++
    } else {
      if (done.has(left.element)) l++
      takeApplied(right)
    }
  }
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
 * The value without the fields in `remove` that are not in `keep` as well; undefined where nothing is left of a value
 * that had members. Both sets must count named containers (`withNamedContainers`).
 */
export const removeFields = (schema: Schema, value: unknown, remove: FieldSet, keep: FieldSet): unknown => {
  const members = membersOf(schema, value)
  const survivors = members.flatMap((member): { member: Member; value: unknown }[] => {
    const gone = remove.children.get(member.element) ?? emptySet
    if (isEmpty(gone)) return [{ member, value: member.value }]
    const kept = keep.children.get(member.element) ?? emptySet
    if (gone.member && !kept.member) return []
    if (!isGranular(member)) return [{ member, value: member.value }]
    const rest = removeFields(member.schema, member.value, gone, kept)
    return rest === undefined ? [] : [{ member, value: rest }]
  })
  if (members.length > 0 && survivors.length === 0) return undefined
  if (schema.type === 'array') return survivors.map((survivor) => survivor.value)
  const result: JsonObject = {}
  for (const survivor of survivors) setField(result, survivor.member.element.slice(2), survivor.value)
  return result
}
