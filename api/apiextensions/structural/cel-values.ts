/** Values and types of custom resources as expressions see them. Upstream: apiserver/pkg/cel/common, schemas.go */
import type { SchemaTypes, StructType } from '../../cel/environment.ts'
import { fromJson } from '../../cel/json-values.ts'
import { parseDuration, parseTimestamp } from '../../cel/library/time.ts'
import { boolType, dyn, listOf, mapOf, objectOf, simple, type Type } from '../../cel/types.ts'
import { CelError, CelMap, type Value } from '../../cel/values.ts'
import { isObject, type JsonObject, partOf, type Structural } from './structural.ts'

const reserved = new Set(
  'true false null in as break const continue else for function if import let loop package namespace return var void while'.split(
    ' ',
  ),
)
const escapes: readonly (readonly [string, string])[] = [
  ['__', '__underscores__'],
  ['.', '__dot__'],
  ['-', '__dash__'],
  ['/', '__slash__'],
]

/** A property's name as expressions write it; undefined for what they cannot. Upstream: cel.Escape */
export const escapedName = (name: string): string | undefined => {
  if (reserved.has(name)) return `__${name}__`
  const text = escapes.reduce((part, [plain, replacement]) => part.replaceAll(plain, replacement), name)
  return /^[a-zA-Z_][a-zA-Z0-9_]*$/.test(text) ? text : undefined
}

const text = simple('string')
const formatTypes: Readonly<Record<string, Type>> = {
  byte: simple('bytes'),
  duration: simple('duration'),
  date: simple('timestamp'),
  'date-time': simple('timestamp'),
  datetime: simple('timestamp'),
}
const simpleTypes: Readonly<Record<string, Type>> = {
  boolean: boolType,
  integer: simple('int'),
  number: simple('double'),
}

const metadataType = 'object.metadata'
const metadataFields: StructType = {
  field: (name) => (name === 'name' || name === 'generateName' ? text : undefined),
}

/**
 * The types of a schema and of all that is in it; `isResource`: with kind, apiVersion and metadata. What has no type is
 * not seen, and neither is a list or map of it. `name` is the root's, for messages.
 */
export const typesOf = (schema: Structural, isResource: boolean, name = 'object'): SchemaTypes => {
  const structs = new Map<string, StructType>([[metadataType, metadataFields]])
  const struct = (part: Structural, at: string, resource: boolean): Type => {
    const fields = new Map<string, Type>()
    for (const [property, inner] of part.properties) {
      const known = escapedName(property)
      const type = typeOf(inner, `${at}.${property}`, inner.embedded)
      if (known !== undefined && type !== undefined) fields.set(known, type)
    }
    if (resource) {
      fields.set('kind', text).set('apiVersion', text).set('metadata', objectOf(metadataType))
    }
    structs.set(at, { field: (field) => fields.get(field) })
    return objectOf(at)
  }
  const typeOf = (part: Structural, at: string, resource: boolean): Type | undefined => {
    if (part.intOrString) return dyn
    if (part.type === 'array') {
      const items = part.items === undefined ? undefined : typeOf(part.items, `${at}.@items`, part.items.embedded)
      return items === undefined ? undefined : listOf(items)
    }
    if (part.type === 'object') {
      if (typeof part.additional !== 'object') return struct(part, at, resource)
      const values = typeOf(part.additional, `${at}.@values`, part.additional.embedded)
      return values === undefined ? undefined : mapOf(text, values)
    }
    const { format = '' } = part.schema
    if (part.type === 'string') return Object.hasOwn(formatTypes, format) ? formatTypes[format] : text
    return simpleTypes[part.type]
  }
  return { type: typeOf(schema, name, isResource) ?? dyn, types: (struct) => structs.get(struct) }
}

/** Properties by the names that expressions have for them; found once a schema. */
const namesBySchema = new WeakMap<Structural, ReadonlyMap<string, string>>()
const namesOf = (schema: Structural): ReadonlyMap<string, string> => {
  let names = namesBySchema.get(schema)
  if (names === undefined) {
    names = new Map(Array.from(schema.properties.keys(), (name) => [escapedName(name) ?? name, name]))
    namesBySchema.set(schema, names)
  }
  return names
}

class SchemaMap extends CelMap {
  readonly #object: JsonObject
  readonly #schema: Structural
  /** Lists and maps that were read: loops read them again and again. */
  readonly #made = new Map<string, Value>()

  constructor(schema: Structural, object: JsonObject) {
    super()
    this.#schema = schema
    this.#object = object
  }
  get size(): number {
    return Object.keys(this.#object).length
  }
  get(key: Value): Value | undefined {
    if (typeof key !== 'string') return undefined
    const name = namesOf(this.#schema).get(key) ?? key
    if (!Object.hasOwn(this.#object, name)) return undefined
    const known = this.#made.get(name)
    if (known !== undefined) return known
    const json = this.#object[name]
    const part = partOf(this.#schema, name)
    const made = part === undefined ? fromJson(json) : toValue(part, json)
    if (typeof json === 'object' && json !== null) this.#made.set(name, made)
    return made
  }
  keys(): Iterable<Value> {
    return Object.keys(this.#object)
  }
}

const textValue = (format: string, value: string): Value => {
  try {
    if (format === 'byte') return Buffer.from(value, 'base64')
    if (format === 'duration') return parseDuration(value)
    if (format === 'date') return parseTimestamp(`${value}T00:00:00Z`)
    return format === 'date-time' || format === 'datetime' ? parseTimestamp(value) : value
  } catch (error) {
    if (error instanceof CelError) return value
    throw error
  }
}

/** A JSON value as its schema says it is. */
export const toValue = (schema: Structural, json: unknown): Value => {
  if (typeof json === 'number') return schema.type === 'number' ? json : fromJson(json)
  if (typeof json === 'string') return textValue(schema.schema.format ?? '', json)
  if (Array.isArray(json)) {
    const { items } = schema
    return items === undefined ? fromJson(json) : json.map((item) => toValue(items, item))
  }
  return isObject(json) ? new SchemaMap(schema, json) : fromJson(json)
}
