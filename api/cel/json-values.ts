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

/** A JSON object. Only its own fields are there. */
export class JsonMap extends CelMap {
  readonly #object: object

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
    return value === undefined ? undefined : fromJson(value)
  }
  keys(): Iterable<Value> {
    return Object.keys(this.#object)
  }
}
