/**
 * Decoding into a kind's schema: what Go's JSON decoder does by reflection upstream.
 *
 * Flow: each schema is compiled once into a closure that walks a parsed value in place. Types are checked, times and
 * quantities become canonical, nulls are dropped, fields without schema are told and dropped. Then canonical.ts puts
 * fields in order and drops the zeros that Go omits. Guarantee: what comes out has the schema's shape, so that typed code
 * may trust it. Names are compared exactly; `__proto__` and `constructor` are unknown fields like others.
 */
import { badRequest, type StatusError } from '../meta/status-error.ts'
import type { ArraySchema, Gvk, MapSchema, ObjectSchema, Schema } from '../schema/schema.ts'
import { canonicalOf, orderedForm } from './canonical.ts'
import { decodeNamedAny } from './decode-any.ts'
import { DecodeContext, DecodeError } from './decode-context.ts'
import { type Decoder, scalarDecoders, zeroScalars } from './decode-scalars.ts'
import { duplicateField, type JsonSource, type ParsedText } from './json.ts'

export interface Decoded {
  readonly value: Record<string, unknown>
  /** Paths of fields that the kind does not have: `spec.template.spec.containers[0].foo`. */
  readonly unknownFields: readonly string[]
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** `v1.PodSpec`: how Go's messages name the type of a definition. */
const goTypeName = (name: string): string => {
  const parts = name.split('.')
  return parts.slice(-2).join('.')
}
const structName = (name: string): string => name.slice(name.lastIndexOf('.') + 1)

const goScalars: Readonly<Record<string, string>> = {
  boolean: 'bool',
  double: 'float64',
  bytes: '[]uint8',
  quantity: 'resource.Quantity',
  time: 'v1.Time',
  microTime: 'v1.MicroTime',
  intOrString: 'intstr.IntOrString',
}
const goType = (schema: Schema): string => {
  switch (schema.type) {
    case 'object':
      return goTypeName(schema.name)
    case 'array':
      return `[]${goType(schema.items)}`
    case 'map':
      return `map[string]${goType(schema.values)}`
    case 'any':
      return 'interface {}'
    case 'scalar':
      return goScalars[schema.scalar] ?? schema.scalar
  }
}

const compiled = new WeakMap<Schema, Decoder>()

/** The decoder of a schema, compiled at first use. Definitions may contain themselves, so the lookup is lazy. */
const decoderOf = (schema: Schema): Decoder => {
  const known = compiled.get(schema)
  if (known !== undefined) return known
  const decoder = compile(schema)
  compiled.set(schema, decoder)
  return decoder
}

const compile = (schema: Schema): Decoder => {
  switch (schema.type) {
    case 'object':
      return compileObject(schema)
    case 'array':
      return compileArray(schema)
    case 'map':
      return compileMap(schema)
    case 'any':
      return decodeNamedAny(schema.name, decoderOf)
    case 'scalar':
      return scalarDecoders[schema.scalar]
  }
}

/** A null inside a list or map is Go's zero value. */
const zeroOf = (schema: Schema): unknown => {
  switch (schema.type) {
    case 'object':
      return {}
    case 'array':
    case 'map':
    case 'any':
      return null
    case 'scalar':
      return zeroScalars[schema.scalar]
  }
}

/** Copies what is not undefined; every name is a field of the schema, so plain assignment is safe. */
const withoutUndefined = (value: Record<string, unknown>): Record<string, unknown> => {
  const kept: Record<string, unknown> = {}
  for (const name in value) if (value[name] !== undefined) kept[name] = value[name]
  return kept
}

const compileObject = (schema: ObjectSchema): Decoder => {
  let decoders: ReadonlyMap<string, Decoder> | undefined
  const compileFields = (): ReadonlyMap<string, Decoder> =>
    new Map([...schema.fields.values()].map((field) => [field.name, decoderOf(field.schema)]))
  const struct = structName(schema.name)
  const type = goTypeName(schema.name)

  return (value, context) => {
    if (!isRecord(value)) throw context.mismatch(value, type)
    decoders ??= compileFields()
    let dropped = false
    for (const name in value) {
      const decode = decoders.get(name)
      const member = value[name]
      if (decode === undefined) {
        context.addUnknown(name)
        drop(value, name)
        dropped = true
        continue
      }
      if (member === null) {
        value[name] = undefined
        dropped = true
        continue
      }
      context.enter(name, struct)
      const decoded = decode(member, context)
      context.leave()
      if (decoded !== member) {
        value[name] = decoded
        if (decoded === undefined) dropped = true
      }
    }
    return dropped ? withoutUndefined(value) : value
  }
}

/** An assignment to `__proto__` would change the prototype and leave the field. */
const drop = (value: Record<string, unknown>, name: string): void => {
  if (name === '__proto__') Object.defineProperty(value, name, { value: undefined })
  else value[name] = undefined
}

const compileArray = ({ items, ...schema }: ArraySchema): Decoder => {
  let decode: Decoder | undefined
  const type = goType({ items, ...schema })
  return (value, context) => {
    if (!Array.isArray(value)) throw context.mismatch(value, type)
    decode ??= decoderOf(items)
    for (let i = 0; i < value.length; i++) {
      const item: unknown = value[i]
      if (item === null) {
        value[i] = zeroOf(items)
        continue
      }
      context.enter(i, '')
      const decoded = decode(item, context)
      context.leave()
      if (decoded !== item) value[i] = decoded
    }
    return value
  }
}

const compileMap = ({ values, ...schema }: MapSchema): Decoder => {
  let decode: Decoder | undefined
  const type = goType({ values, ...schema })
  return (value, context) => {
    if (!isRecord(value)) throw context.mismatch(value, type)
    decode ??= decoderOf(values)
    for (const name in value) {
      const member = value[name]
      context.enter(name, '')
      const decoded = member === null ? zeroOf(values) : decode(member, context)
      context.leave()
      if (decoded !== member) Object.defineProperty(value, name, { value: decoded })
    }
    return value
  }
}

/**
 * Decodes in place without a message around it: throws DecodeError. For parts of objects and for options. `source` is
 * that of the text, if the value comes straight from one.
 */
export const decodeValue = (
  schema: Schema,
  value: unknown,
  source?: JsonSource,
): { value: unknown; unknownFields: readonly string[] } => {
  const context = new DecodeContext(source)
  const decoded = decoderOf(schema)(value, context)
  return { value: canonicalOf(schema, orderedForm)(decoded), unknownFields: context.unknownFields }
}

/**
 * Decodes a parsed object into its kind; the object is changed in place and belongs to the caller.
 * Throws StatusError BadRequest with upstream's message where a value has the wrong type.
 */
export const decodeInto = (schema: ObjectSchema, value: unknown, source?: JsonSource): Decoded => {
  try {
    const decoded = decodeValue(schema, value, source)
    if (!isRecord(decoded.value)) throw new DecodeError('json: cannot unmarshal into an object')
    return { value: decoded.value, unknownFields: decoded.unknownFields }
  } catch (error) {
    if (error instanceof DecodeError) throw undecodable(schema, value, error.message)
    throw error
  }
}

const gvkOf = (value: unknown): Partial<Gvk> => {
  if (!isRecord(value) || typeof value.kind !== 'string' || typeof value.apiVersion !== 'string') return {}
  return { kind: value.kind, version: value.apiVersion.slice(value.apiVersion.indexOf('/') + 1) }
}

/**
 * The 400 of a body that cannot be read as the wanted kind: `Pod in version "v1" cannot be handled as a Pod: …`.
 * `value` is the parsed body, which says what it claims to be. Upstream: transformDecodeError.
 */
export const undecodable = (schema: ObjectSchema, value: unknown, message: string): StatusError => {
  const wanted = structName(schema.name)
  const { kind = wanted, version = schema.gvks[0]?.version ?? '' } = gvkOf(value)
  return badRequest(`${kind} in version ${JSON.stringify(version)} cannot be handled as a ${wanted}: ${message}`)
}

const segments = (path: string): readonly string[] => path.split(/[.[\]]+/)

/** The order of paths in a text whose keys are sorted. */
const byPath = (a: string, b: string): number => {
  const left = segments(a)
  const right = segments(b)
  for (const [index, segment] of left.entries()) {
    const other = right[index] ?? ''
    if (segment !== other) return Number(segment) - Number(other) || (segment < other ? -1 : 1)
  }
  return left.length - right.length
}

const unknownField = (path: string): string => `unknown field ${JSON.stringify(path)}`

/**
 * What fieldValidation=Strict refuses and Warn warns of, in upstream's order: for JSON that of the text, where an
 * unknown field is told once; for YAML and patches duplicates first, then unknown fields as if keys were sorted.
 */
export const strictProblems = (
  unknownFields: readonly string[],
  { duplicates, eachMember }: Pick<ParsedText, 'duplicates' | 'eachMember'>,
): readonly string[] => {
  if (eachMember === undefined) return [...duplicates, ...unknownFields.toSorted(byPath).map(unknownField)]
  if (duplicates.length === 0) return unknownFields.map(unknownField)
  const problems = new Set<string>()
  const unknown = new Set(unknownFields)
  eachMember((path, again) => {
    if (unknown.has(path)) problems.add(unknownField(path))
    else if (again) problems.add(duplicateField(path))
  })
  return [...problems]
}

/** The 400 of fieldValidation=Strict. */
export const strictDecodingError = (schema: ObjectSchema, value: unknown, problems: readonly string[]): StatusError =>
  undecodable(schema, value, `strict decoding error: ${problems.join(', ')}`)
