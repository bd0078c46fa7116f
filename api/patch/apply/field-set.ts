/**
 * Sets of field paths, as managedFields hold them. A set is a tree; an element of a path is written as in FieldsV1:
 * `f:name` a field or key, `k:{"name":"a"}` a list element by its keys, `v:"x"` one by its value.
 * Sets are never changed, and operations that change nothing return their argument itself: what is equal stays
 * identical, which keeps its encoding too. Upstream: structured-merge-diff/fieldpath.
 */

export interface FieldSet {
  /** The path to this node is itself in the set. */
  readonly member: boolean
  readonly children: ReadonlyMap<string, FieldSet>
}

const noChildren: ReadonlyMap<string, FieldSet> = new Map()
export const emptySet: FieldSet = { member: false, children: noChildren }
export const leaf: FieldSet = { member: true, children: noChildren }

export const isEmpty = (set: FieldSet): boolean => !set.member && set.children.size === 0

/** A node, without children that hold nothing. */
export const node = (member: boolean, children: Iterable<readonly [string, FieldSet]>): FieldSet => {
  let kept: Map<string, FieldSet> | undefined
  for (const [element, child] of children) if (!isEmpty(child)) (kept ??= new Map()).set(element, child)
  if (kept === undefined) return member ? leaf : emptySet
  return { member, children: kept }
}

const childOf = (set: FieldSet, element: string): FieldSet => set.children.get(element) ?? emptySet

export const union = (a: FieldSet, b: FieldSet): FieldSet => {
  if (a === b || isEmpty(b)) return a
  if (isEmpty(a)) return b
  let children: Map<string, FieldSet> | undefined
  for (const [element, child] of b.children) {
    const own = a.children.get(element)
    const both = own === undefined ? child : union(own, child)
    if (both !== own) (children ??= new Map(a.children)).set(element, both)
  }
  const member = a.member || b.member
  return children === undefined && member === a.member ? a : { member, children: children ?? a.children }
}

/** `a`, its members and children changed by what `change` makes of them; `a` itself where nothing changes. */
const mapped = (a: FieldSet, member: boolean, change: (child: FieldSet, element: string) => FieldSet): FieldSet => {
  let children: Map<string, FieldSet> | undefined
  for (const [element, child] of a.children) {
    const after = change(child, element)
    if (after === child) continue
    children ??= new Map(a.children)
    if (isEmpty(after)) children.delete(element)
    else children.set(element, after)
  }
  if (children === undefined && member === a.member) return a
  return node(member, children ?? a.children)
}

export const difference = (a: FieldSet, b: FieldSet): FieldSet =>
  isEmpty(b) || isEmpty(a)
    ? a
    : mapped(a, a.member && !b.member, (child, element) => {
        const other = b.children.get(element)
        return other === undefined ? child : difference(child, other)
      })

export const intersection = (a: FieldSet, b: FieldSet): FieldSet =>
  isEmpty(a) || isEmpty(b)
    ? emptySet
    : mapped(a, a.member && b.member, (child, element) => intersection(child, childOf(b, element)))

/** `a` without everything at or below the members of `b`. */
export const withoutBelow = (a: FieldSet, b: FieldSet): FieldSet => {
  if (b.member) return emptySet
  if (b.children.size === 0) return a
  return mapped(a, a.member, (child, element) => {
    const other = b.children.get(element)
    return other === undefined ? child : withoutBelow(child, other)
  })
}

export const equalSets = (a: FieldSet, b: FieldSet): boolean => {
  if (a === b) return true
  if (a.member !== b.member || a.children.size !== b.children.size) return false
  for (const [element, child] of a.children) {
    const other = b.children.get(element)
    if (other === undefined || !equalSets(child, other)) return false
  }
  return true
}

/** Fields that hold fields count as members too: a struct that is applied no more goes as a whole. */
export const withNamedContainers = (set: FieldSet): FieldSet =>
  mapped(set, set.member, (child, element) => {
    const inner = withNamedContainers(child)
    return element.startsWith('f:') && inner.children.size > 0 && !inner.member ? { ...inner, member: true } : inner
  })

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const readFieldsV1 = (fields: unknown): FieldSet => {
  if (!isRecord(fields)) return emptySet
  let children: Map<string, FieldSet> | undefined
  for (const element in fields) {
    if (element === '.' || !/^[fkvi]:/.test(element)) continue
    const value = fields[element]
    const child = readFieldsV1(value)
    const member = isRecord(value) && (Object.hasOwn(value, '.') || child.children.size === 0)
    if (!member && child.children.size === 0) continue
    ;(children ??= new Map()).set(element, member && child.children.size === 0 ? leaf : { ...child, member })
  }
  return children === undefined ? emptySet : { member: false, children }
}

/** Stored objects are shared and never changed, so what was read of one once is true for good. */
const setsByFields = new WeakMap<object, FieldSet>()
const fieldsBySet = new WeakMap<FieldSet, Record<string, unknown>>()

/** Reads FieldsV1; elements of unknown form are left out. The fields must not be changed afterwards. */
export const setFromFieldsV1 = (fields: unknown): FieldSet => {
  if (!isRecord(fields)) return emptySet
  const known = setsByFields.get(fields)
  if (known !== undefined) return known
  const set = readFieldsV1(fields)
  setsByFields.set(fields, set)
  if (set !== emptySet && !fieldsBySet.has(set)) fieldsBySet.set(set, fields)
  return set
}

/** A number among the keys of a list element: `k:{"containerPort":80`. */
const numericKey = /^k:.*:-?\d/

const compareKeys = (a: string, b: string): number => {
  const left = Object.entries(JSON.parse(a.slice(2)) as Record<string, string | number>)
  const right = Object.entries(JSON.parse(b.slice(2)) as Record<string, string | number>)
  for (const [index, [name, value]] of left.entries()) {
    const [otherName, otherValue] = right[index] ?? []
    if (otherName === undefined || otherValue === undefined) return 1
    if (name !== otherName) return name < otherName ? -1 : 1
    if (value !== otherValue) return value < otherValue ? -1 : 1
  }
  return left.length - right.length
}

/** Fields before keys before values, in order of their text; ports of list elements count as numbers. */
const compareElements = (a: string, b: string): number =>
  numericKey.test(a) && numericKey.test(b) ? compareKeys(a, b) : a < b ? -1 : 1

const sortedChildren = (set: FieldSet): readonly [string, FieldSet][] => {
  const children = [...set.children]
  return children.length < 2 ? children : children.sort(([a], [b]) => compareElements(a, b))
}

/** One empty object for all: it is only ever written as `{}`. */
const nothing: Record<string, unknown> = Object.freeze({})

const writeFieldsV1 = (set: FieldSet): Record<string, unknown> => {
  if (set.children.size === 0) return nothing
  const fields: Record<string, unknown> = {}
  if (set.member) fields['.'] = nothing
  for (const [element, child] of sortedChildren(set)) fields[element] = writeFieldsV1(child)
  return fields
}

/** Writes FieldsV1, elements in order. The same set is written once. */
export const fieldsV1FromSet = (set: FieldSet): Record<string, unknown> => {
  const known = fieldsBySet.get(set)
  if (known !== undefined) return known
  const fields = writeFieldsV1(set)
  if (set.children.size > 0) {
    fieldsBySet.set(set, fields)
    setsByFields.set(fields, set)
  }
  return fields
}

const maxInterned = 4096
/** What every Pod of a workload has is shorter; a set of thousands of names is worth no place here. */
export const maxInternedLength = 16_384
const internedSets = new Map<string, FieldSet>()

/**
 * One set for all that are equal, of those that were seen lately: the Pods of one workload own the same fields, and
 * thousands of them need not hold thousands of trees.
 */
export const interned = (set: FieldSet): FieldSet => {
  const text = JSON.stringify(fieldsV1FromSet(set))
  const known = internedSets.get(text)
  if (known !== undefined) return known
  if (text.length > maxInternedLength) return set
  if (internedSets.size >= maxInterned) internedSets.delete(internedSets.keys().next().value ?? '')
  internedSets.set(text, set)
  return set
}

/** `f:spec` is `.spec`, `k:{"name":"a"}` is `[name="a"]`, `v:"x"` is `[="x"]`. */
export const formatElement = (element: string): string => {
  const value = element.slice(2)
  switch (element.charAt(0)) {
    case 'f':
      return `.${value}`
    case 'k': {
      const keys = Object.entries(JSON.parse(value) as Record<string, unknown>)
      return `[${keys.map(([name, key]) => `${name}=${JSON.stringify(key)}`).join(',')}]`
    }
    case 'v':
      return `[=${value}]`
    default:
      return `[${value}]`
  }
}

/** All member paths in upstream's notation and order: `.spec.containers[name="a"].image`; a level before what is below. */
export const pathsOf = (set: FieldSet, prefix = ''): readonly string[] => {
  const children = sortedChildren(set).map(([element, child]) => ({ child, path: prefix + formatElement(element) }))
  return [
    ...children.filter(({ child }) => child.member).map(({ path }) => path),
    ...children.flatMap(({ child, path }) => pathsOf(child, path)),
  ]
}

/** The set of one path of field names. */
export const setOfPath = (names: readonly string[]): FieldSet => {
  const [first, ...rest] = names
  return first === undefined ? leaf : node(false, [[`f:${first}`, setOfPath(rest)]])
}

/** True if the path itself is in the set. */
export const hasPath = (set: FieldSet, names: readonly string[]): boolean =>
  names.reduce((at, name) => childOf(at, `f:${name}`), set).member
