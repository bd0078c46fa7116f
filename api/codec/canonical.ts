/**
 * Objects as Go writes them: fields in the order of their struct, maps in order of keys, zeros left out or written as
 * the struct's tags say. JSON.stringify of a canonical object has the bytes of upstream's encoder.
 *
 * Flow: each schema is compiled once into a pure function. What is canonical already, which most is, is returned as it
 * is; else only the changed path is copied. Two forms: *ordered* is what a request is read into (nothing is added, so
 * that defaults still see what is missing); *stored* is what is written, where also zeros without omitempty stand.
 */
import { zeroScalars } from './decode-scalars.ts'
import { eachElement, eachValue } from './sorted-keys.ts'
import type { ArraySchema, FieldSchema, MapSchema, ObjectSchema, Schema } from '../schema/schema.ts'
import { schemaByRef } from '../schema/schema.ts'

export interface CanonicalForm {
  /** Writes what Go writes without anybody having set it: `status: {}`, `eventTime: null`. */
  readonly complete: boolean
  /** An empty list without omitempty stays `[]`. Protobuf cannot hold one: out of the store it comes as null. */
  readonly keepsEmpty: boolean
}

/** Of what was read and may still be defaulted. */
export const orderedForm: CanonicalForm = { complete: false, keepsEmpty: true }
/** Of answers that were never stored, and of the few kinds that upstream stores as JSON. */
export const writtenForm: CanonicalForm = { complete: true, keepsEmpty: true }
/** Of kinds that upstream stores as protobuf. */
export const storedForm: CanonicalForm = { complete: true, keepsEmpty: false }

/** Returns undefined where the value is not to be written. */
type Canonical = (value: unknown) => unknown

type JsonObject = Readonly<Record<string, unknown>>

const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const same: Canonical = (value) => value

const compiled = new Map<CanonicalForm, WeakMap<Schema, Canonical>>()

/** The function that makes values of a schema canonical; compiled at first use. */
export const canonicalOf = (schema: Schema, form: CanonicalForm): Canonical => {
  let ofForm = compiled.get(form)
  if (ofForm === undefined) compiled.set(form, (ofForm = new WeakMap()))
  let canonical = ofForm.get(schema)
  if (canonical === undefined) ofForm.set(schema, (canonical = compile(schema, form)))
  return canonical
}

/** A canonical object of a kind. */
export const canonicalObject = <T extends object>(schema: ObjectSchema, object: T, form: CanonicalForm): T =>
  canonicalOf(schema, form)(object) as T

const compile = (schema: Schema, form: CanonicalForm): Canonical => {
  switch (schema.type) {
    case 'object':
      return compileObject(schema, form)
    case 'array':
      return compileArray(schema, form)
    case 'map':
      return compileMap(schema, form)
    case 'any':
      return compileAny(schema.name, form)
    case 'scalar':
      return same
  }
}

interface Field {
  readonly name: string
  readonly index: number
  /** What stands for it where it is missing; undefined if nothing does. */
  readonly missing: unknown
  readonly canonical: Canonical
}

/** Stands for a struct that nobody has set: each gets an object of its own. */
const emptyStruct = Symbol('empty struct')

/** What Go writes of a field that nobody has set; undefined if nothing. */
const zeroOfField = ({ presence, schema }: FieldSchema): unknown => {
  if (presence === 'nullable') return null
  if (presence !== 'always') return undefined
  if (schema.type === 'scalar') return zeroScalars[schema.scalar]
  return schema.type === 'object' ? emptyStruct : null
}
const valueOf = (zero: unknown): unknown => (zero === emptyStruct ? {} : zero)

const isEmpty = (value: unknown): boolean => {
  if (Array.isArray(value)) return value.length === 0
  if (typeof value !== 'object') return false
  for (const _name in value) return false
  return true
}

const isZero: Readonly<Record<Schema['type'], (value: unknown) => boolean>> = {
  scalar: (value) => value === '' || value === 0 || value === false || value === null,
  array: isEmpty,
  map: isEmpty,
  object: (value) => value === null,
  any: (value) => value === null,
}

const compileField = (field: FieldSchema, form: CanonicalForm): Canonical => {
  const { schema, presence } = field
  // Definitions may contain themselves.
  let inner: Canonical | undefined
  const decide = (value: unknown): unknown => (inner ??= canonicalOf(schema, form))(value)
  switch (presence) {
    case 'omitempty': {
      const zero = isZero[schema.type]
      return schema.type === 'scalar'
        ? (value) => (zero(value) ? undefined : value)
        : (value) => (zero(value) ? undefined : decide(value))
    }
    case 'pointer':
      return schema.type === 'scalar'
        ? (value) => value ?? undefined
        : (value) => (value === null ? undefined : decide(value))
    case 'nullable':
    case 'always': {
      const missing = form.complete ? zeroOfField(field) : undefined
      if (form.complete && !form.keepsEmpty && (schema.type === 'array' || schema.type === 'map')) {
        return (value) => (isEmpty(value) ? null : decide(value))
      }
      return (value) => {
        const given = value ?? valueOf(missing)
        return given === undefined || given === null ? given : decide(given)
      }
    }
  }
}

const fieldsOf = (schema: ObjectSchema, form: CanonicalForm): readonly Field[] =>
  [...schema.fields.values()].map((field, index) => ({
    name: field.name,
    index,
    missing: form.complete ? zeroOfField(field) : undefined,
    canonical: compileField(field, form),
  }))

/** Made anew, field by field; parts that are canonical already cost a look. */
const rebuilt = (value: JsonObject, fields: readonly Field[]): JsonObject => {
  const object: Record<string, unknown> = {}
  for (const { name, missing, canonical } of fields) {
    const member = value[name] ?? valueOf(missing)
    if (member === undefined) continue
    const next = canonical(member)
    if (next !== undefined) object[name] = next
  }
  return object
}

/** Custom resources may have fields that no schema names: they stay, and all stay where they are. */
const compileOpenObject = (schema: ObjectSchema, form: CanonicalForm): Canonical => {
  let byName: ReadonlyMap<string, Field> | undefined
  return (value) => {
    if (!isObject(value)) return value
    byName ??= new Map(fieldsOf(schema, form).map((field) => [field.name, field]))
    let copy: Record<string, unknown> | undefined
    for (const name in value) {
      const next = byName.get(name)?.canonical(value[name]) ?? value[name]
      if (next !== value[name]) (copy ??= { ...value })[name] = next
    }
    return copy ?? value
  }
}

const compileObject = (schema: ObjectSchema, form: CanonicalForm): Canonical => {
  if (schema.preserveUnknown) return compileOpenObject(schema, form)
  let fields: readonly Field[] | undefined
  let byName: ReadonlyMap<string, Field> | undefined
  let required = 0
  const compileFields = (): readonly Field[] => {
    const all = fieldsOf(schema, form)
    byName = new Map(all.map((field) => [field.name, field]))
    required = all.filter(({ missing }) => missing !== undefined).length
    return all
  }

  return (value) => {
    if (!isObject(value)) return value
    fields ??= compileFields()
    let last = -1
    let present = 0
    let dropped = false
    let copy: Record<string, unknown> | undefined
    for (const name in value) {
      const member = value[name]
      const field = byName?.get(name)
      if (field === undefined || field.index < last) return rebuilt(copy ?? value, fields)
      last = field.index
      if (member === undefined) continue
      if (field.missing !== undefined) present++
      const next = field.canonical(member)
      if (next === member) continue
      copy ??= { ...value }
      copy[name] = next
      if (next === undefined) dropped = true
    }
    if (present !== required) return rebuilt(copy ?? value, fields)
    return copy === undefined ? value : dropped ? withoutUndefined(copy) : copy
  }
}

/** Every name is a field of the schema, so plain assignment is safe. */
const withoutUndefined = (value: JsonObject): JsonObject => {
  const kept: Record<string, unknown> = {}
  for (const name in value) if (value[name] !== undefined) kept[name] = value[name]
  return kept
}

const compileArray = ({ items }: ArraySchema, form: CanonicalForm): Canonical => {
  if (items.type === 'scalar') return same
  let inner: Canonical | undefined
  return (value) => {
    if (!Array.isArray(value)) return value
    inner ??= canonicalOf(items, form)
    return eachElement(value, inner)
  }
}

const compileMap = ({ values }: MapSchema, form: CanonicalForm): Canonical => {
  if (values.type === 'scalar') return (value) => (isObject(value) ? eachValue(value) : value)
  let inner: Canonical | undefined
  return (value) => {
    if (!isObject(value)) return value
    inner ??= canonicalOf(values, form)
    return eachValue(value, inner)
  }
}

const extensions = 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.'

/** apiextensions' JSON becomes Go values on its way and is written from those. */
const sortedJson: Canonical = (value) => {
  if (Array.isArray(value)) return eachElement(value, sortedJson)
  return isObject(value) ? eachValue(value, sortedJson) : value
}

const compileAny = (name: string, form: CanonicalForm): Canonical => {
  switch (name) {
    case `${extensions}JSON`:
      return sortedJson
    case `${extensions}JSONSchemaPropsOrArray`:
    case `${extensions}JSONSchemaPropsOrBool`:
    case `${extensions}JSONSchemaPropsOrStringArray`: {
      let inner: Canonical | undefined
      const props = (value: unknown): unknown => {
        const schema = schemaByRef(`${extensions}JSONSchemaProps`)
        inner ??= schema === undefined ? same : canonicalOf(schema, form)
        return inner(value)
      }
      return (value) => (Array.isArray(value) ? eachElement(value, props) : props(value))
    }
    default:
      return same
  }
}
