/** Which fields an object has, and which differ between two. */
import { equalJson } from '../../meta/clone.ts'
import type { Schema } from '../../schema/schema.ts'
import { emptySet, type FieldSet, isEmpty, leaf, node } from './field-set.ts'
import { isGranular, type Member, membersOf } from './typed-value.ts'

const isHollow = (value: unknown): boolean =>
  value === null || (typeof value === 'object' && Object.keys(value ?? {}).length === 0)

const memberSet = (member: Member, containers: boolean): FieldSet => {
  if (!isGranular(member)) return leaf
  const inner = fieldSetOf(member.schema, member.value, containers)
  const isList = Array.isArray(member.value)
  const owned = (!isList && isHollow(member.value)) || !member.declared || (containers && member.schema.type === 'map')
  return { ...inner, member: owned }
}

/**
 * All fields of an object: leaves, atomic values, list elements. With `containers`, maps count too, as they do in the
 * sets of plain updates.
 */
export const fieldSetOf = (schema: Schema, value: unknown, containers = false): FieldSet =>
  node(
    false,
    membersOf(schema, value).map((member) => [member.element, memberSet(member, containers)]),
  )

/** What changed from one object to another. */
export interface Comparison {
  readonly added: FieldSet
  readonly modified: FieldSet
  readonly removed: FieldSet
}

const same: Comparison = { added: emptySet, modified: emptySet, removed: emptySet }

const compareMembers = (before: Member | undefined, after: Member | undefined): Comparison => {
  if (before === undefined) return after === undefined ? same : { ...same, added: memberSet(after, true) }
  if (after === undefined) return { ...same, removed: memberSet(before, true) }
  if (isGranular(before) && isGranular(after)) return compare(after.schema, before.value, after.value)
  return equalJson(before.value, after.value) ? same : { ...same, modified: leaf }
}

/** Compares two objects of one schema, field by field. */
export const compare = (schema: Schema, before: unknown, after: unknown): Comparison => {
  if (before === after) return same
  const olds = new Map(membersOf(schema, before).map((member) => [member.element, member]))
  const news = new Map(membersOf(schema, after).map((member) => [member.element, member]))
  const results = [...new Set([...olds.keys(), ...news.keys()])].map(
    (element) => [element, compareMembers(olds.get(element), news.get(element))] as const,
  )
  const part = (name: keyof Comparison): FieldSet =>
    node(
      false,
      results.map(([element, result]) => [element, result[name]]),
    )
  return { added: part('added'), modified: part('modified'), removed: part('removed') }
}

export const isSame = ({ added, modified, removed }: Comparison): boolean =>
  isEmpty(added) && isEmpty(modified) && isEmpty(removed)
