/** JSON as CEL sees it where no schema says more: whole numbers are ints. Adapted as it is read, not before. */
import { CelMap, type Value } from './values.ts'

/** Upstream: common.UnstructuredToVal and the dynamic types of unstructured objects. */
export const fromJson = (json: unknown): Value => {
  if (json === null || json === undefined) return null
  if (typeof json === 'string' || typeof json === 'boolean' || typeof json === 'bigint') return json
  if (typeof json === 'number') return Number.isSafeInteger(json) ? BigInt(json) : json
  if (Array.isArray(json)) return json.map(fromJson)
  return typeof json === 'object' ? new JsonMap(json) : null
}

/** A JSON object. Only its own fields are there. What is made of them is kept: loops read the same list again and again. */
export class JsonMap extends CelMap {
  readonly #object: object
  readonly #made = new Map<string, Value>()

  constructor(object: object) {
    super()
    this.#object = object
  }
  get size(): number {
    return Object.keys(this.#object).length
  }
  get(key: Value): Value | undefined {
    if (typeof key !== 'string' || !Object.hasOwn(this.#object, key)) return undefined
    const value = (this.#object as Record<string, unknown>)[key]
    if (value === undefined) return undefined
    if (typeof value !== 'object' || value === null) return fromJson(value)
    const known = this.#made.get(key)
    if (known !== undefined) return known
    const made = fromJson(value)
    this.#made.set(key, made)
    return made
  }
  keys(): Iterable<Value> {
    return Object.keys(this.#object)
  }
}
