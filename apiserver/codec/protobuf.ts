/**
 * Reads Kubernetes' protobuf bodies (`application/vnd.kubernetes.protobuf`) into the JSON value that the same client
 * would have sent as JSON; what follows (schema, defaults, validation) is the same for both.
 * Upstream: k8s.io/apimachinery/pkg/runtime/serializer/protobuf
 */
import { readFileSync } from 'node:fs'
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire'
import { parseJson } from '../../api/codec/json.ts'
import { badRequest } from '../../api/meta/status-error.ts'
import { microTime, nowRfc3339 } from '../../api/meta/time.ts'
import { type ObjectSchema, type Schema, schemaByRef } from '../../api/schema/schema.ts'
import { keepsZero } from './protobuf-presence.ts'

type FieldFacts = readonly [number: number, type: string]
type Table = Readonly<Record<string, Readonly<Record<string, FieldFacts>>>>

interface Field {
  readonly name: string
  readonly type: string
  readonly repeated: boolean
  /** Element type of a map with string keys, or ''. */
  readonly mapValue: string
}
interface Message {
  readonly name: string
  readonly shortName: string
  readonly fields: ReadonlyMap<number, Field>
}

let table: Table | undefined
const messages = new Map<string, Message>()

const facts = (): Table => {
  table ??= JSON.parse(
    readFileSync(new URL('../../api/schema/generated/protobuf.json', import.meta.url), 'utf8'),
  ) as Table
  return table
}

const parseField = (name: string, text: string): Field => {
  const repeated = text.endsWith('[]')
  const type = (repeated ? text.slice(0, -2) : text).replace(/^\./, '')
  const map = /^map<string, \.?(.+)>$/.exec(type)
  return { name, type, repeated, mapValue: map?.[1] ?? '' }
}

const messageOf = (name: string): Message | undefined => {
  const known = messages.get(name)
  if (known !== undefined) return known
  const all = facts()
  const row = Object.hasOwn(all, name) ? all[name] : undefined
  if (row === undefined) return undefined
  const fields = new Map(Object.entries(row).map(([field, [number, type]]) => [number, parseField(field, type)]))
  const message = { name, shortName: name.slice(name.lastIndexOf('.') + 1), fields }
  messages.set(name, message)
  return message
}

const machinery = 'k8s.io.apimachinery.pkg.'
const magic = Buffer.from([0x6b, 0x38, 0x73, 0x00])

export const protobufMediaType = 'application/vnd.kubernetes.protobuf'

/** Messages that JSON writes as something else than an object of their fields. */
const special: Readonly<Record<string, (fields: Record<string, unknown>) => unknown>> = {
  [`${machinery}apis.meta.v1.Time`]: (time) => timestamp(time, (ms) => nowRfc3339(ms)),
  [`${machinery}apis.meta.v1.MicroTime`]: (time) => timestamp(time, (ms) => microTime(ms)),
  [`${machinery}api.resource.Quantity`]: ({ string }) => string ?? '0',
  [`${machinery}util.intstr.IntOrString`]: ({ type, intVal, strVal }) => (type === 1 ? (strVal ?? '') : (intVal ?? 0)),
  [`${machinery}runtime.RawExtension`]: ({ raw }) => embeddedJson(raw),
  [`${machinery}apis.meta.v1.FieldsV1`]: ({ Raw }) => embeddedJson(Raw),
  [`${machinery}apis.meta.v1.Verbs`]: ({ items }) => items ?? [],
}

/** Zero time is written as an empty message: no time at all. */
const timestamp = ({ seconds, nanos }: Record<string, unknown>, format: (ms: number) => string): string | undefined => {
  if (seconds === undefined && nanos === undefined) return undefined
  const whole = typeof seconds === 'number' ? seconds : 0
  return format(whole * 1000 + (typeof nanos === 'number' ? nanos / 1e6 : 0))
}

const embeddedJson = (raw: unknown): unknown => {
  if (typeof raw !== 'string' || raw === '') return undefined
  return parseJson(Buffer.from(raw, 'base64')).value
}

const readInteger = (reader: BinaryReader): number | bigint => {
  const value = reader.int64()
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : BigInt(value)
}

const readScalar = (reader: BinaryReader, type: string): unknown => {
  switch (type) {
    case 'string':
      return reader.string()
    case 'bytes':
      return Buffer.from(reader.bytes()).toString('base64')
    case 'bool':
      return reader.bool()
    case 'double':
      return reader.double()
    case 'int32':
      return reader.int32()
    case 'int64':
    case 'uint32':
    case 'uint64':
      return readInteger(reader)
    default:
      return undefined
  }
}

const isScalar = (type: string): boolean => !type.includes('.')

const readValue = (reader: BinaryReader, type: string, schema: Schema | undefined): unknown => {
  if (isScalar(type)) return readScalar(reader, type)
  const length = reader.uint32()
  const end = reader.pos + length
  const message = messageOf(type)
  if (message === undefined) throw badRequest(`protobuf message ${type} is not known`)
  const fields = readFields(reader, message, end, schema)
  const convert =
    special[type] ?? (type.endsWith('.ExtraValue') ? special[`${machinery}apis.meta.v1.Verbs`] : undefined)
  return convert === undefined ? fields : convert(fields)
}

const readMapEntry = (reader: BinaryReader, valueType: string, schema: Schema | undefined): [string, unknown] => {
  const end = reader.uint32() + reader.pos
  let key = ''
  let value: unknown = isScalar(valueType) ? '' : undefined
  while (reader.pos < end) {
    const [number, wireType] = reader.tag()
    if (number === 1) key = reader.string()
    else if (number === 2) value = readValue(reader, valueType, schema)
    else reader.skip(wireType)
  }
  return [key, value]
}

const setOwn = (target: Record<string, unknown>, name: string, value: unknown): void => {
  Object.defineProperty(target, name, { value, enumerable: true, configurable: true, writable: true })
}

const asObject = (schema: Schema | undefined): ObjectSchema | undefined =>
  schema?.type === 'object' ? schema : undefined

/** `xKubernetesIntOrString` is `x-kubernetes-int-or-string` in JSON. */
const jsonName = (field: string, schema: ObjectSchema | undefined): string => {
  if (schema === undefined || schema.fields.has(field)) return field
  const dashed = field.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
  if (schema.fields.has(dashed)) return dashed
  return schema.fields.has(`$${field}`) ? `$${field}` : field
}

const elementSchema = (schema: Schema | undefined): Schema | undefined =>
  schema?.type === 'array' ? schema.items : schema?.type === 'map' ? schema.values : schema

const isZero = (value: unknown): boolean => value === '' || value === 0 || value === false

const readFields = (
  reader: BinaryReader,
  message: Message,
  end: number,
  schema: Schema | undefined,
): Record<string, unknown> => {
  const object = asObject(schema)
  const result: Record<string, unknown> = {}
  while (reader.pos < end) {
    const [number, wireType] = reader.tag()
    const field = message.fields.get(number)
    if (field === undefined) {
      reader.skip(wireType)
      continue
    }
    const name = jsonName(field.name, object)
    const fieldSchema = object?.fields.get(name)?.schema
    if (field.mapValue !== '') {
      const map = (result[name] ??= {}) as Record<string, unknown>
      const [key, value] = readMapEntry(reader, field.mapValue, elementSchema(fieldSchema))
      setOwn(map, key, value)
    } else if (field.repeated) {
      const list = (result[name] ??= []) as unknown[]
      if (
        wireType === WireType.LengthDelimited &&
        isScalar(field.type) &&
        field.type !== 'string' &&
        field.type !== 'bytes'
      ) {
        const packedEnd = reader.uint32() + reader.pos
        while (reader.pos < packedEnd) list.push(readScalar(reader, field.type))
      } else {
        list.push(readValue(reader, field.type, elementSchema(fieldSchema)))
      }
    } else if (object !== undefined && fieldSchema === undefined && !isScalar(field.type)) {
      // Go's embedded structs are messages of their own in protobuf, and part of the object in JSON.
      Object.assign(result, readValue(reader, field.type, object))
    } else {
      const value = readValue(reader, field.type, fieldSchema)
      if (value === undefined || (isZero(value) && !keeps(object, message, field, name))) continue
      result[name] = value
    }
  }
  return result
}

/** Without a schema (Time, Quantity …) zeros are kept: their converters look at them. */
const keeps = (object: ObjectSchema | undefined, message: Message, field: Field, name: string): boolean =>
  object === undefined
    ? message.shortName === 'IntOrString'
    : object.required.includes(name)
      ? field.type !== 'string'
      : keepsZero(field.type, message.shortName, field.name)

export interface ProtobufBody {
  readonly apiVersion: string
  readonly kind: string
  readonly raw: Uint8Array
}

/** Takes the envelope off: magic bytes and runtime.Unknown. Throws BadRequest. */
export const readEnvelope = (body: Buffer): ProtobufBody => {
  if (!body.subarray(0, 4).equals(magic)) {
    throw badRequest('provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]')
  }
  try {
    const reader = new BinaryReader(body.subarray(4))
    let apiVersion = ''
    let kind = ''
    let raw: Uint8Array = new Uint8Array()
    while (reader.pos < reader.len) {
      const [number, wireType] = reader.tag()
      if (number === 1) {
        const end = reader.uint32() + reader.pos
        while (reader.pos < end) {
          const [part, partType] = reader.tag()
          if (part === 1) apiVersion = reader.string()
          else if (part === 2) kind = reader.string()
          else reader.skip(partType)
        }
      } else if (number === 2) raw = reader.bytes()
      else reader.skip(wireType)
    }
    return { apiVersion, kind, raw }
  } catch (error) {
    throw badRequest(`cannot decode the protobuf envelope: ${error instanceof Error ? error.message : 'unknown error'}`)
  }
}

/** The JSON value of an enveloped object; `definition` is the schema's name, `io.k8s.api.core.v1.Pod`. */
export const decodeProtobuf = (body: Buffer, definition: string): Record<string, unknown> => {
  const { apiVersion, kind, raw } = readEnvelope(body)
  const name = definition.replace(/^io\.k8s\./, 'k8s.io.')
  const message = messageOf(name)
  if (message === undefined) throw badRequest(`protobuf message ${name} is not known`)
  try {
    const reader = new BinaryReader(raw)
    const fields = readFields(reader, message, reader.len, schemaByRef(definition))
    return { ...(kind === '' ? {} : { kind }), ...(apiVersion === '' ? {} : { apiVersion }), ...fields }
  } catch (error) {
    if (error instanceof RangeError) throw badRequest(`cannot decode protobuf: ${error.message}`)
    throw error
  }
}
