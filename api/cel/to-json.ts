/** What an expression has made, as JSON: patches and configurations. */
import { formatDuration, formatTimestamp } from './library/time.ts'
import { CelError, CelMap, Duration, isList, Optional, Timestamp, typeNameOf, Uint, type Value } from './values.ts'

/** Throws CelError for what JSON has no form for. */
export const toJson = (value: Value): unknown => {
  if (value === null || typeof value === 'string' || typeof value === 'boolean' || typeof value === 'number')
    return value
  if (typeof value === 'bigint' || value instanceof Uint) {
    const whole = typeof value === 'bigint' ? value : value.value
    return Number.isSafeInteger(Number(whole)) ? Number(whole) : whole
  }
  if (isList(value)) return value.map(toJson)
  if (value instanceof CelMap) return mapToJson(value)
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  if (value instanceof Duration) return formatDuration(value)
  if (value instanceof Timestamp) return formatTimestamp(value)
  if (value instanceof Optional && value.value !== undefined) return toJson(value.value)
  throw new CelError(`${typeNameOf(value)} cannot be converted to JSON`)
}

const mapToJson = (map: CelMap): Record<string, unknown> => {
  const object: Record<string, unknown> = {}
  for (const key of map.keys()) {
    if (typeof key !== 'string') throw new CelError('only maps with string keys can be converted to JSON')
    const value = toJson(map.get(key) ?? null)
    // `__proto__` is a key like any other.
    Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true })
  }
  return object
}
