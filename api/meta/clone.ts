/** Deep copies and comparison of JSON values. Cached objects are shared: whoever changes one clones it first. */

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null

/** Sets an own field whatever its name: `__proto__` is a field like any other. */
export const setField = (object: object, name: string, value: unknown): void => {
  if (name === '__proto__') {
    Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true })
  } else {
    ;(object as Record<string, unknown>)[name] = value
  }
}

/** An own field, never an inherited one. */
export const getField = (object: object, name: string): unknown =>
  Object.hasOwn(object, name) ? (object as Record<string, unknown>)[name] : undefined

/** A deep copy of a JSON value; several times faster than structuredClone. */
export const clone = <T>(value: T): T => cloneValue(value) as T

const cloneValue = (value: unknown): unknown => {
  if (!isObject(value)) return value
  if (Array.isArray(value)) return value.map(cloneValue)
  const copy: Record<string, unknown> = {}
  for (const name in value) {
    const member = (value as Record<string, unknown>)[name]
    if (name === '__proto__') setField(copy, name, cloneValue(member))
    else copy[name] = isObject(member) ? cloneValue(member) : member
  }
  return copy
}

/** True if two JSON values are equal; an undefined field counts as absent, key order does not count. */
export const equalJson = (a: unknown, b: unknown): boolean => {
  if (a === b) return true
  if (!isObject(a) || !isObject(b)) return false
  if (Array.isArray(a)) {
    return Array.isArray(b) && a.length === b.length && a.every((item, index) => equalJson(item, b[index]))
  }
  if (Array.isArray(b)) return false
  let fields = 0
  for (const name in a) {
    const left = getField(a, name)
    if (left === undefined) continue
    fields++
    if (!equalJson(left, getField(b, name))) return false
  }
  for (const name in b) if (getField(b, name) !== undefined) fields--
  return fields === 0
}
