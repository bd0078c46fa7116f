/** CEL's static types, their text form, and which fits where. Upstream: checker/types.go of cel-go. */

export type Simple =
  | 'bool'
  | 'int'
  | 'uint'
  | 'double'
  | 'string'
  | 'bytes'
  | 'timestamp'
  | 'duration'
  | 'null'
  | 'dyn'
  | 'error'

export type Type =
  | { readonly kind: Simple }
  | { readonly kind: 'list'; readonly element: Type }
  | { readonly kind: 'map'; readonly key: Type; readonly value: Type }
  | { readonly kind: 'type'; readonly of: Type | undefined }
  /** A library's type, with parameters: `optional_type(int)`. */
  | { readonly kind: 'opaque'; readonly name: string; readonly params: readonly Type[] }
  /** A type with fields, which a TypeProvider knows. */
  | { readonly kind: 'object'; readonly name: string }
  /** A type parameter of a signature, or an unknown that checking will settle. */
  | { readonly kind: 'param'; readonly name: string }

export const simple = (kind: Simple): Type => ({ kind })
export const dyn = simple('dyn')
export const boolType = simple('bool')
export const listOf = (element: Type): Type => ({ kind: 'list', element })
export const mapOf = (key: Type, value: Type): Type => ({ kind: 'map', key, value })
export const typeOf = (of: Type): Type => ({ kind: 'type', of })
export const optionalOf = (value: Type): Type => ({ kind: 'opaque', name: 'optional_type', params: [value] })
export const objectOf = (name: string): Type => ({ kind: 'object', name })
export const opaqueOf = (name: string): Type => ({ kind: 'opaque', name, params: [] })
export const param = (name: string): Type => ({ kind: 'param', name })

export const isDyn = ({ kind }: Type): boolean => kind === 'dyn' || kind === 'error'

/** The type inside an optional; undefined if it is none. */
export const optionalValue = (type: Type): Type | undefined =>
  type.kind === 'opaque' && type.name === 'optional_type' ? (type.params[0] ?? dyn) : undefined

/** The types inside a type. */
export const partsOf = (type: Type): readonly Type[] => {
  if (type.kind === 'list') return [type.element]
  if (type.kind === 'map') return [type.key, type.value]
  if (type.kind === 'opaque') return type.params
  return type.kind === 'type' && type.of !== undefined ? [type.of] : []
}

/** The same type with other parts. */
const withParts = (type: Type, change: (part: Type) => Type): Type => {
  if (type.kind === 'list') return listOf(change(type.element))
  if (type.kind === 'map') return mapOf(change(type.key), change(type.value))
  if (type.kind === 'opaque' && type.params.length > 0) return { ...type, params: type.params.map(change) }
  return type.kind === 'type' && type.of !== undefined ? typeOf(change(type.of)) : type
}

const nameOf = (type: Type): string => {
  if (type.kind === 'error') return '!error!'
  return 'name' in type ? type.name : type.kind
}

/** As cel-go prints it in its errors. */
export const formatType = (type: Type): string => {
  const parts = partsOf(type)
  return parts.length === 0 ? nameOf(type) : `${nameOf(type)}(${parts.map(formatType).join(', ')})`
}

/** What the type parameters stand for, so far. */
export type Substitution = Map<string, Type>

/** The type with everything put in that is known. What stays unknown becomes dyn if `final`. */
export const substitute = (types: Substitution, type: Type, final = false): Type => {
  if (type.kind !== 'param') return withParts(type, (part) => substitute(types, part, final))
  const known = types.get(type.name)
  if (known !== undefined) return substitute(types, known, final)
  return final ? dyn : type
}

const mentions = (types: Substitution, name: string, type: Type): boolean => {
  if (type.kind !== 'param') return partsOf(type).some((part) => mentions(types, name, part))
  if (type.name === name) return true
  const known = types.get(type.name)
  return known !== undefined && mentions(types, name, known)
}

const everyPair = (types: Substitution, as: readonly Type[], bs: readonly Type[]): boolean =>
  as.length === bs.length && as.every((a, index) => fits(types, a, bs[index] ?? dyn))

/** Whether a value of type `b` may stand where `a` is wanted; records what that says of type parameters. */
const fits = (types: Substitution, left: Type, right: Type): boolean => {
  const a = resolve(types, left)
  const b = resolve(types, right)
  if (b.kind === 'param') return settle(types, b.name, a)
  if (a.kind === 'param') return settle(types, a.name, b)
  if (isDyn(a) || isDyn(b)) return true
  if (a.kind === 'null') return acceptsNull(b)
  if (b.kind === 'null') return acceptsNull(a)
  if (a.kind !== b.kind || nameOf(a) !== nameOf(b)) return false
  // All types are values of one type.
  return a.kind === 'type' || everyPair(types, partsOf(a), partsOf(b))
}

/** Follows a parameter to what it stands for. */
const resolve = (types: Substitution, type: Type): Type => {
  let current = type
  while (current.kind === 'param') {
    const known = types.get(current.name)
    if (known === undefined) return current
    current = known
  }
  return current
}

const settle = (types: Substitution, name: string, type: Type): boolean => {
  if (type.kind === 'param' && type.name === name) return true
  if (mentions(types, name, type)) return false
  types.set(name, type)
  return true
}

const acceptsNull = ({ kind }: Type): boolean =>
  kind === 'null' || kind === 'object' || kind === 'opaque' || kind === 'timestamp' || kind === 'duration'

/** As `fits`, of whole lists; on failure nothing is recorded. Returns the new substitution, or undefined. */
export const assignAll = (
  types: Substitution,
  wanted: readonly Type[],
  given: readonly Type[],
): Substitution | undefined => {
  const attempt: Substitution = new Map(types)
  return everyPair(attempt, wanted, given) ? attempt : undefined
}

/** Structural sameness. */
export const sameType = (a: Type, b: Type): boolean => formatType(a) === formatType(b) && a.kind === b.kind

/** Whether `a` says less than `b`, or the same. */
export const isLessSpecific = (a: Type, b: Type): boolean => {
  if (isDyn(a) || a.kind === 'param') return true
  if (a.kind !== b.kind || nameOf(a) !== nameOf(b)) return false
  const others = partsOf(b)
  return partsOf(a).every((part, index) => isLessSpecific(part, others[index] ?? dyn))
}
