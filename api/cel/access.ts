/** Reading into values: fields, elements, and what a fold goes over. */
import { CelError, CelMap, describe, isList, noSuchOverload, numeric, Optional, type Value } from './values.ts'

/** Keys and values of what is folded over; with one variable, the elements of a list and the keys of a map. */
export function* iterate(range: Value, pairs: boolean): Iterable<readonly [Value, Value]> {
  if (isList(range)) {
    let index = 0n
    for (const value of range) yield pairs ? [index++, value] : [value, null]
  } else if (range instanceof CelMap) {
    for (const key of range.keys()) yield [key, pairs ? (range.get(key) ?? null) : null]
  } else throw noSuchOverload()
}

export const hasKey = (value: Value | undefined, field: string): boolean => {
  if (value === undefined) return false
  if (!(value instanceof CelMap)) throw noSuchOverload()
  return value.get(field) !== undefined
}

export const fieldOf = (value: Value, field: string): Value => {
  if (!(value instanceof CelMap)) throw noSuchOverload()
  const found = value.get(field)
  if (found === undefined) throw new CelError(`no such key: ${field}`)
  return found
}

/** Optional values stay optional through fields and indices; what is optional itself is not wrapped again. */
export const wrap = (value: Value | undefined): Optional =>
  value === undefined ? Optional.none : value instanceof Optional ? value : Optional.of(value)

export const optionalField = (operand: Value, field: string): Value => {
  const value = operand instanceof Optional ? operand.value : operand
  if (value === undefined) return Optional.none
  if (!(value instanceof CelMap)) throw noSuchOverload()
  return wrap(value.get(field))
}

/** An element, or undefined where there is none. */
export const elementAt = (container: Value, key: Value): Value | undefined => {
  if (container instanceof CelMap) {
    if (typeof key === 'object' && numeric(key) === undefined) throw noSuchOverload()
    return container.get(key)
  }
  if (!isList(container)) throw noSuchOverload()
  const index = numeric(key)
  if (index === undefined || (typeof index === 'number' && !Number.isInteger(index)))
    throw index === undefined ? noSuchOverload() : new CelError(`unsupported index value: ${index}`)
  return index < 0 || index >= container.length ? undefined : container[Number(index)]
}

export const indexOf = (container: Value, key: Value): Value => {
  if (container instanceof Optional) {
    return container.value === undefined ? Optional.none : wrap(elementAt(container.value, key))
  }
  const found = elementAt(container, key)
  if (found !== undefined) return found
  throw new CelError(isList(container) ? `index out of bounds: ${describe(key)}` : `no such key: ${describe(key)}`)
}
