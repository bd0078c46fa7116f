/**
 * CEL's values. int is a bigint, double a number, so that the two never mix by accident; everything else that JavaScript
 * has stands for itself. Maps are read through an interface, because most of them are JSON that is adapted as it is read.
 */

export const maxInt = 2n ** 63n - 1n
export const minInt = -(2n ** 63n)
export const maxUint = 2n ** 64n - 1n

export class Uint {
  readonly value: bigint
  constructor(value: bigint) {
    this.value = value
  }
}

/** Nanoseconds. */
export class Duration {
  readonly nanos: bigint
  constructor(nanos: bigint) {
    this.nanos = nanos
  }
}

/** Nanoseconds since 1970, UTC. */
export class Timestamp {
  readonly nanos: bigint
  constructor(nanos: bigint) {
    this.nanos = nanos
  }
}

export class Optional {
  static readonly none = new Optional(undefined)
  readonly value: Value | undefined
  private constructor(value: Value | undefined) {
    this.value = value
  }
  static of(value: Value): Optional {
    return new Optional(value)
  }
}

/** A type as a value: `type(1)`. */
export class TypeValue {
  readonly name: string
  constructor(name: string) {
    this.name = name
  }
}

export abstract class CelMap {
  abstract readonly size: number
  /** Undefined where the key is not there. */
  abstract get(key: Value): Value | undefined
  abstract keys(): Iterable<Value>
}

/** A value of a library's own type: a quantity, an address. */
export abstract class Opaque {
  abstract readonly typeName: string
  abstract equals(other: Opaque): boolean
}

export type Value =
  | null
  | boolean
  | bigint
  | number
  | string
  | Uint
  | Uint8Array
  | Duration
  | Timestamp
  | Optional
  | TypeValue
  | readonly Value[]
  | CelMap
  | Opaque

/** What goes wrong while an expression is evaluated. `&&`, `||` and the collection macros may still come to a result. */
export class CelError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'CelError'
  }
}

/** Nothing saves an expression that costs too much. */
export class CelCostError extends Error {
  constructor(message = 'operation cancelled: actual cost limit exceeded') {
    super(message)
    this.name = 'CelCostError'
  }
}

export const noSuchOverload = (): CelError => new CelError('no such overload')

export const isList = (value: Value): value is readonly Value[] => Array.isArray(value)

/** Numbers without their type: bigint or number. Undefined for what is no number. */
export const numeric = (value: Value): bigint | number | undefined =>
  typeof value === 'bigint' || typeof value === 'number' ? value : value instanceof Uint ? value.value : undefined

/** Numbers in order: negative, zero, positive; NaN for what has none. An integer is compared with a double as a double. */
export const compareNumbers = (a: bigint | number, b: bigint | number): number => {
  const [left, right] = typeof a === typeof b ? [a, b] : [Number(a), Number(b)]
  return left < right ? -1 : left > right ? 1 : left === right ? 0 : NaN
}

const primitiveNames: Readonly<Record<string, string>> = {
  boolean: 'bool',
  bigint: 'int',
  number: 'double',
  string: 'string',
}

/** The name that `type(value)` has. */
export const typeNameOf = (value: Value): string => {
  if (value === null) return 'null_type'
  if (typeof value !== 'object') return primitiveNames[typeof value] ?? 'dyn'
  if (value instanceof Uint) return 'uint'
  if (value instanceof Uint8Array) return 'bytes'
  if (value instanceof Duration) return 'google.protobuf.Duration'
  if (value instanceof Timestamp) return 'google.protobuf.Timestamp'
  if (value instanceof Optional) return 'optional_type'
  if (value instanceof TypeValue) return 'type'
  if (value instanceof CelMap) return 'map'
  if (value instanceof Opaque) return value.typeName
  return 'list'
}

/** Equality across types, as CEL has it since cross-type numeric comparison: values of different types are not equal. */
export const equal = (a: Value, b: Value): boolean => {
  if (a === b) return true
  const [left, right] = [numeric(a), numeric(b)]
  if (left !== undefined && right !== undefined) return compareNumbers(left, right) === 0
  if (a === null || b === null || typeof a !== 'object' || typeof b !== 'object') return false
  if (isList(a)) return isList(b) && a.length === b.length && a.every((value, index) => equal(value, b[index] ?? null))
  if (a instanceof CelMap) return b instanceof CelMap && equalMaps(a, b)
  if (a instanceof Uint8Array) return b instanceof Uint8Array && Buffer.compare(a, b) === 0
  if (a instanceof Duration) return b instanceof Duration && a.nanos === b.nanos
  if (a instanceof Timestamp) return b instanceof Timestamp && a.nanos === b.nanos
  if (a instanceof TypeValue) return b instanceof TypeValue && a.name === b.name
  if (a instanceof Optional) {
    if (!(b instanceof Optional)) return false
    return a.value === undefined || b.value === undefined ? a.value === b.value : equal(a.value, b.value)
  }
  return a instanceof Opaque && b instanceof Opaque && a.typeName === b.typeName && a.equals(b)
}

const equalMaps = (a: CelMap, b: CelMap): boolean => {
  if (a.size !== b.size) return false
  for (const key of a.keys()) {
    const [left, right] = [a.get(key), b.get(key)]
    if (left === undefined || right === undefined || !equal(left, right)) return false
  }
  return true
}

/** Map keys that are equal have one spelling. Undefined for what cannot be a key. */
const keyOf = (key: Value): string | boolean | bigint | undefined => {
  if (typeof key === 'string' || typeof key === 'boolean' || typeof key === 'bigint') return key
  if (key instanceof Uint) return key.value
  return typeof key === 'number' && Number.isInteger(key) ? BigInt(key) : undefined
}

/** A map that an expression has made. */
export class LiteralMap extends CelMap {
  readonly #entries = new Map<string | boolean | bigint, { readonly key: Value; readonly value: Value }>()

  constructor(entries: Iterable<readonly [Value, Value]> = []) {
    super()
    for (const [key, value] of entries) this.#insert(key, value)
  }

  get size(): number {
    return this.#entries.size
  }
  get(key: Value): Value | undefined {
    const normal = keyOf(key)
    return normal === undefined ? undefined : this.#entries.get(normal)?.value
  }
  *keys(): Iterable<Value> {
    for (const { key } of this.#entries.values()) yield key
  }
  #insert(key: Value, value: Value): void {
    const normal = keyOf(key)
    if (normal === undefined || typeof key === 'number') throw new CelError('unsupported key type')
    if (this.#entries.has(normal)) throw new CelError(`insert failed: key ${describe(key)} already exists`)
    this.#entries.set(normal, { key, value })
  }
}

/** A key in an error's text. */
export const describe = (value: Value): string =>
  value instanceof Uint ? String(value.value) : typeof value === 'object' ? typeNameOf(value) : String(value)

/** Code points: CEL's length of a string. */
export const lengthOf = (text: string): number => {
  let length = text.length
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index)
    if (unit >= 0xd800 && unit <= 0xdbff && index + 1 < text.length) {
      length--
      index++
    }
  }
  return length
}
