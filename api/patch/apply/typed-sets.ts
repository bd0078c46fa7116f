/** Which fields an object has, and which differ between two. Upstream: structured-merge-diff/typed. */
import { equalJson, getField } from '../../meta/clone.ts'
import type { ArraySchema, ObjectSchema, Schema } from '../../schema/schema.ts'
import { emptySet, type FieldSet, isEmpty, leaf, node } from './field-set.ts'
import { elementName, isAtomic, isGranular, isJsonObject, type Member, membersOf } from './typed-value.ts'

const isHollow = (value: unknown): boolean => {
  if (value === null || value === undefined) return true
  if (typeof value !== 'object') return false
  for (const _name in value) return false
  return true
}

/** What an applier owns of a member: an empty map, a map's key and a list's element count themselves. */
const memberSet = (member: Member): FieldSet => {
  if (!isGranular(member)) return leaf
  const inner = fieldSetOf(member.schema, member.value)
  const owned = !member.declared || (!Array.isArray(member.value) && isHollow(member.value))
  return owned ? (isEmpty(inner) ? leaf : { ...inner, member: true }) : inner
}

/** All fields of an applied configuration: leaves, atomic values, list elements. */
export const fieldSetOf = (schema: Schema, value: unknown): FieldSet => {
  const children = new Map<string, FieldSet>()
  for (const member of membersOf(schema, value)) {
    // Elements that are given twice are owned as one.
    children.set(member.element, children.has(member.element) ? leaf : memberSet(member))
  }
  return node(false, children)
}

/** What changed from one object to another; unlike in applied sets, a container that comes or goes counts itself. */
export interface Comparison {
  readonly added: FieldSet
  readonly modified: FieldSet
  readonly removed: FieldSet
}

/** A comparison that is being made, of one node: children by their element. */
interface Changes {
  added: Map<string, FieldSet> | undefined
  modified: Map<string, FieldSet> | undefined
  removed: Map<string, FieldSet> | undefined
}

type Part = keyof Changes

const put = (changes: Changes, part: Part, element: string, set: FieldSet): void => {
  ;(changes[part] ??= new Map()).set(element, set)
}

const setOf = (children: Map<string, FieldSet> | undefined, member: boolean): FieldSet =>
  children === undefined ? (member ? leaf : emptySet) : { member, children }

const empty: Readonly<Record<string, unknown>> = Object.freeze({})

/** `before` and `after` are undefined where the parent has no such member; then `absent` parents have none at all. */
const compareMember = (
  changes: Changes,
  element: string,
  schema: Schema,
  atomic: boolean,
  before: unknown,
  after: unknown,
): void => {
  if (before === after) return
  const isLeaf = atomic || schema.type === 'scalar' || schema.type === 'any' || (isHollow(before) && isHollow(after))
  if (isLeaf) {
    if (before === undefined) put(changes, 'added', element, leaf)
    else if (after === undefined) put(changes, 'removed', element, leaf)
    else if (!equalJson(before, after)) put(changes, 'modified', element, leaf)
    return
  }
  const inner = compareContainers(schema, before, after)
  if (inner.added !== undefined || before === undefined)
    put(changes, 'added', element, setOf(inner.added, before === undefined))
  if (inner.modified !== undefined) put(changes, 'modified', element, setOf(inner.modified, false))
  if (inner.removed !== undefined || after === undefined)
    put(changes, 'removed', element, setOf(inner.removed, after === undefined))
}

const compareObjects = (changes: Changes, schema: ObjectSchema, before: unknown, after: unknown): void => {
  const left = isJsonObject(before) ? before : undefined
  const right = isJsonObject(after) ? after : undefined
  const visit = (name: string): void => {
    const field = schema.fields.get(name)
    const old = left === undefined ? undefined : getField(left, name)
    const now = right === undefined ? undefined : getField(right, name)
    if (old === now) return
    const atomic = field === undefined || isAtomic(field.schema, field)
    compareMember(changes, `f:${name}`, field?.schema ?? schema, atomic, old, now)
  }
  for (const name in right) visit(name)
  for (const name in left) if (right === undefined || right[name] === undefined) visit(name)
}

/** Elements by name; those that are given more than once as the list of them. */
const elementsOf = (schema: ArraySchema, list: unknown): ReadonlyMap<string, readonly unknown[]> => {
  const elements = new Map<string, unknown[]>()
  if (!Array.isArray(list)) return elements
  for (const item of list as readonly unknown[]) {
    const name = elementName(schema, item)
    const known = elements.get(name)
    if (known === undefined) elements.set(name, [item])
    else known.push(item)
  }
  return elements
}

const compareLists = (changes: Changes, schema: ArraySchema, before: unknown, after: unknown): void => {
  const olds = elementsOf(schema, before)
  const news = elementsOf(schema, after)
  const atomic = schema.listType === 'set' || isAtomic(schema.items)
  const visit = (element: string): void => {
    const old = olds.get(element) ?? []
    const now = news.get(element) ?? []
    if (old.length <= 1 && now.length <= 1) {
      compareMember(changes, element, schema.items, atomic, old[0], now[0])
    } else if (old.length > 1 && now.length > 1) {
      // Doubles are compared as one value: nobody can tell which became which.
      if (!equalJson(old, now)) put(changes, 'modified', element, leaf)
    } else if (old.length > 1) {
      compareMember(changes, element, schema.items, atomic, undefined, now[0])
      put(changes, 'removed', element, leaf)
    } else {
      compareMember(changes, element, schema.items, atomic, old[0], undefined)
      put(changes, 'added', element, leaf)
    }
  }
  for (const element of news.keys()) visit(element)
  for (const element of olds.keys()) if (!news.has(element)) visit(element)
}

const compareContainers = (schema: Schema, before: unknown, after: unknown): Changes => {
  const changes: Changes = { added: undefined, modified: undefined, removed: undefined }
  switch (schema.type) {
    case 'object':
      compareObjects(changes, schema, before, after)
      break
    case 'array':
      compareLists(changes, schema, before, after)
      break
    case 'map': {
      const left = isJsonObject(before) ? before : empty
      const right = isJsonObject(after) ? after : empty
      const atomic = isAtomic(schema.values)
      for (const name in right) {
        compareMember(changes, `f:${name}`, schema.values, atomic, getField(left, name), right[name])
      }
      for (const name in left) {
        if (!Object.hasOwn(right, name))
          compareMember(changes, `f:${name}`, schema.values, atomic, left[name], undefined)
      }
      break
    }
    case 'scalar':
    case 'any':
      break
  }
  return changes
}

/**
 * Compares two objects of one schema, field by field; parts that both share are not looked into. For upstream a field
 * that Go always writes is there, zero or empty, wherever its parent is: so callers give canonical ones (writtenForm).
 */
export const compare = (schema: Schema, before: unknown, after: unknown): Comparison => {
  if (before === after) return { added: emptySet, modified: emptySet, removed: emptySet }
  const { added, modified, removed } = compareContainers(schema, before ?? empty, after ?? empty)
  return { added: setOf(added, false), modified: setOf(modified, false), removed: setOf(removed, false) }
}
