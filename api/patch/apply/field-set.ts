/**
 * Sets of field paths, as managedFields hold them. A set is a tree; an element of a path is written as in FieldsV1:
 * `f:name` a field or key, `k:{"name":"a"}` a list element by its keys, `v:"x"` one by its value.
 * Upstream: structured-merge-diff/fieldpath.
 */

export interface FieldSet {
  /** The path to this node is itself in the set. */
  readonly member: boolean
  readonly children: ReadonlyMap<string, FieldSet>
}

const noChildren: ReadonlyMap<string, FieldSet> = new Map()
export const emptySet: FieldSet = { member: false, children: noChildren }
export const leaf: FieldSet = { member: true, children: noChildren }

/** A node, without children that hold nothing. */
export const node = (member: boolean, children: Iterable<readonly [string, FieldSet]>): FieldSet => {
  const kept = [...children].filter(([, child]) => !isEmpty(child))
  return { member, children: kept.length === 0 ? noChildren : new Map(kept) }
}

export const isEmpty = (set: FieldSet): boolean => !set.member && set.children.size === 0

const childOf = (set: FieldSet, element: string): FieldSet => set.children.get(element) ?? emptySet

export const union = (a: FieldSet, b: FieldSet): FieldSet => {
  if (isEmpty(a)) return b
  if (isEmpty(b)) return a
  const elements = new Set([...a.children.keys(), ...b.children.keys()])
  return node(
    a.member || b.member,
    [...elements].map((element) => [element, union(childOf(a, element), childOf(b, element))]),
  )
}

export const difference = (a: FieldSet, b: FieldSet): FieldSet => {
  if (isEmpty(b)) return a
  return node(
    a.member && !b.member,
    [...a.children].map(([element, child]) => [element, difference(child, childOf(b, element))]),
  )
}

export const intersection = (a: FieldSet, b: FieldSet): FieldSet =>
  node(
    a.member && b.member,
    [...a.children].map(([element, child]) => [element, intersection(child, childOf(b, element))]),
  )

/** `a` without everything at or below the members of `b`. */
export const withoutBelow = (a: FieldSet, b: FieldSet): FieldSet =>
  b.member
    ? emptySet
    : node(
        a.member,
        [...a.children].map(([element, child]) => [element, withoutBelow(child, childOf(b, element))]),
      )

export const equalSets = (a: FieldSet, b: FieldSet): boolean =>
  a.member === b.member &&
  a.children.size === b.children.size &&
  [...a.children].every(([element, child]) => equalSets(child, childOf(b, element)))

/** Fields that hold fields count as members too: a struct that is applied no more goes as a whole. */
export const withNamedContainers = (set: FieldSet): FieldSet =>
  node(
    set.member,
    [...set.children].map(([element, child]) => {
      const inner = withNamedContainers(child)
      return [element, element.startsWith('f:') && inner.children.size > 0 ? { ...inner, member: true } : inner]
    }),
  )

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Reads FieldsV1; elements of unknown form are left out. */
export const setFromFieldsV1 = (fields: unknown): FieldSet => {
  if (!isRecord(fields)) return emptySet
  const children: [string, FieldSet][] = []
  for (const [element, value] of Object.entries(fields)) {
    if (element === '.' || !/^[fkvi]:/.test(element)) continue
    const child = setFromFieldsV1(value)
    const member = isRecord(value) && (Object.hasOwn(value, '.') || child.children.size === 0)
    children.push([element, { ...child, member }])
  }
  return node(false, children)
}

/** Writes FieldsV1, elements in order. */
export const fieldsV1FromSet = (set: FieldSet): Record<string, unknown> => {
  const fields: Record<string, unknown> = {}
  if (set.member && set.children.size > 0) fields['.'] = {}
  for (const [element, child] of [...set.children].sort(([a], [b]) => (a < b ? -1 : 1))) {
    fields[element] = fieldsV1FromSet(child)
  }
  return fields
}

/** `f:spec` is `.spec`, `k:{"name":"a"}` is `[name="a"]`, `v:"x"` is `[="x"]`. */
const formatElement = (element: string): string => {
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

/** All member paths in upstream's notation: `.spec.containers[name="a"].image`. */
export const pathsOf = (set: FieldSet, prefix = ''): readonly string[] => [
  ...(set.member && prefix !== '' ? [prefix] : []),
  ...[...set.children]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([element, child]) => pathsOf(child, prefix + formatElement(element))),
]

/** The set of one path of field names. */
export const setOfPath = (names: readonly string[]): FieldSet => {
  const [first, ...rest] = names
  return first === undefined ? leaf : node(false, [[`f:${first}`, setOfPath(rest)]])
}
