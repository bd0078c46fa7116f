/** Lists and maps whose values change, and maps whose keys are in Go's order. What needs no change is not copied. */
import { withExactText } from './exact-text.ts'

type JsonObject = Readonly<Record<string, unknown>>
type Change = (value: unknown) => unknown

/** Itself where no element changes. */
export const eachElement = (value: readonly unknown[], change: Change): readonly unknown[] => {
  let copy: unknown[] | undefined
  for (let index = 0; index < value.length; index++) {
    const next = change(value[index])
    if (next !== value[index]) (copy ??= [...value])[index] = next
  }
  return copy ?? value
}

/** Go sorts keys by their UTF-8 bytes; UTF-16 differs from that only where surrogates meet U+E000 and above. */
const byBytes = (a: string, b: string): number =>
  /[\ud800-\uffff]/.test(a + b) ? Buffer.compare(Buffer.from(a), Buffer.from(b)) : a < b ? -1 : 1

const areSorted = (value: JsonObject): boolean => {
  let last = ''
  for (const key in value) {
    if (key < last) return false
    last = key
  }
  return true
}

/** `__proto__` is a key like any other. */
const setKey = (object: Record<string, unknown>, key: string, value: unknown): void => {
  if (key !== '__proto__') object[key] = value
  else Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true })
}

/** Written from what the map has by then. */
const sortedText = (value: JsonObject): string => {
  const members = Object.keys(value)
    .filter((key) => value[key] !== undefined)
    .sort(byBytes)
    .map((key) => `${JSON.stringify(key)}:${JSON.stringify(value[key])}`)
  return `{${members.join(',')}}`
}

/** Keys that look like indexes come first in any JavaScript object, by number: such a map is written by its own text. */
const sortedKeys = (value: JsonObject, change: Change | undefined): JsonObject => {
  const copy: Record<string, unknown> = {}
  for (const key of Object.keys(value).sort(byBytes)) {
    setKey(copy, key, change === undefined ? value[key] : change(value[key]))
  }
  return areSorted(copy) ? copy : withExactText(copy, () => sortedText(copy))
}

/** Itself where keys are in order and no value changes; without `change` none does. */
export const eachValue = (value: JsonObject, change?: Change): JsonObject => {
  if (!areSorted(value)) return sortedKeys(value, change)
  if (change === undefined) return value
  for (const key in value) if (change(value[key]) !== value[key]) return sortedKeys(value, change)
  return value
}
