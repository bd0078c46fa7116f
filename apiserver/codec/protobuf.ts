/**
 * Reads Kubernetes' protobuf bodies (`application/vnd.kubernetes.protobuf`) into the JSON value that the same client
 * would have sent as JSON; what follows (schema, defaults, validation) is the same for both.
 * Upstream: k8s.io/apimachinery/pkg/runtime/serializer/protobuf
 */
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire'
import { type Field, type Message, messageOfDefinition } from './protobuf-messages.ts'
import { type Fields, specialMessage } from './protobuf-values.ts'

const magic = Buffer.from([0x6b, 0x38, 0x73, 0x00])
/** Deeper nesting than this is refused, so that no later walk over the value can exhaust the stack. */
const maxDepth = 1000

export const protobufMediaType = 'application/vnd.kubernetes.protobuf'

interface TypeMeta {
  readonly apiVersion: string
  readonly kind: string
}

/** A body that is no such message. `type` is what it says of itself, where it could be read so far. */
export class ProtobufError extends Error {
  readonly type: TypeMeta | undefined

  constructor(message: string, type?: TypeMeta) {
    super(message)
    this.type = type
  }
}

const unexpectedEnd = (): ProtobufError => new ProtobufError('unexpected EOF')

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
    default:
      return readInteger(reader)
  }
}

const wireTypes: Readonly<Record<string, WireType>> = {
  bool: WireType.Varint,
  int32: WireType.Varint,
  int64: WireType.Varint,
  double: WireType.Bit64,
}
const wireTypeOf = (type: string): WireType => wireTypes[type] ?? WireType.LengthDelimited

/** Where the length-delimited value that begins here ends; a part never reaches beyond its whole. */
const readEnd = (reader: BinaryReader, limit: number): number => {
  const end = reader.uint32() + reader.pos
  if (end > limit) throw unexpectedEnd()
  return end
}

const readValue = (reader: BinaryReader, { type, message }: Field, limit: number, depth: number): unknown => {
  if (message === undefined) return readScalar(reader, type)
  const fields = readFields(reader, message, readEnd(reader, limit), depth + 1)
  const special = specialMessage(message.name)
  return special === undefined ? fields : special.fromFields(fields)
}

const readMapEntry = (reader: BinaryReader, field: Field, limit: number, depth: number): [string, unknown] => {
  const end = readEnd(reader, limit)
  let key = ''
  let value: unknown = field.message === undefined ? '' : undefined
  while (reader.pos < end) {
    const [number, wireType] = reader.tag()
    if (number === 1) key = reader.string()
    else if (number === 2) value = readValue(reader, field, end, depth)
    else reader.skip(wireType)
  }
  // A zero time is no time, but its key is there.
  return [key, value === undefined ? null : value]
}

const setOwn = (target: Fields, name: string, value: unknown): void => {
  Object.defineProperty(target, name, { value, enumerable: true, configurable: true, writable: true })
}

const wrongWireType = (wireType: WireType, field: string): ProtobufError =>
  new ProtobufError(`proto: wrong wireType = ${wireType} for field ${field}`)

const isZero = (value: unknown): boolean => value === '' || value === 0 || value === false

/**
 * Go writes fields that are no pointers even when they are zero, which JSON leaves out; a pointer is only written when
 * set, and then its zero counts (`replicas: 0`).
 */
const readFields = (reader: BinaryReader, message: Message, end: number, depth: number): Fields => {
  if (depth > maxDepth) throw new ProtobufError('exceeded max depth')
  const result: Fields = {}
  const keepsZeros = specialMessage(message.name) !== undefined
  while (reader.pos < end) {
    const [number, wireType] = reader.tag()
    const field = message.byNumber.get(number)
    if (field === undefined) {
      reader.skip(wireType)
      continue
    }
    const { name, shape, type } = field
    const expected = shape === 'map' ? WireType.LengthDelimited : wireTypeOf(type)
    const packed = shape === 'repeated' && wireType === WireType.LengthDelimited && wireType !== expected
    if (wireType !== expected && !packed) throw wrongWireType(wireType, name)
    if (shape === 'map') {
      const map = (result[name] ??= {}) as Fields
      const [key, value] = readMapEntry(reader, field, end, depth)
      setOwn(map, key, value)
    } else if (shape === 'repeated') {
      const list = (result[name] ??= []) as unknown[]
      if (packed)
        for (const packedEnd = readEnd(reader, end); reader.pos < packedEnd; ) list.push(readScalar(reader, type))
      else list.push(readValue(reader, field, end, depth))
    } else {
      const value = readValue(reader, field, end, depth)
      if (field.inline) Object.assign(result, value)
      else if (value !== undefined && (keepsZeros || field.keepsZero || !isZero(value))) result[name] = value
    }
  }
  if (reader.pos > end) throw unexpectedEnd()
  return result
}

export interface ProtobufBody extends TypeMeta {
  readonly raw: Uint8Array
}

/** The reader throws errors of its own where bytes end too early or make no varint. */
const reading = <T>(type: TypeMeta | undefined, read: () => T): T => {
  try {
    return read()
  } catch (error) {
    const text = error instanceof Error ? error.message : 'unknown error'
    throw new ProtobufError(text === 'premature EOF' ? 'unexpected EOF' : text, type)
  }
}

/** Takes the envelope off: magic bytes and runtime.Unknown. Throws ProtobufError. */
export const readEnvelope = (body: Buffer): ProtobufBody => {
  if (body.length === 0) throw new ProtobufError('empty data')
  if (!body.subarray(0, 4).equals(magic)) {
    throw new ProtobufError('provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]')
  }
  if (body.length === magic.length) throw new ProtobufError('empty body')
  return reading(undefined, () => {
    const reader = new BinaryReader(body.subarray(4))
    let apiVersion = ''
    let kind = ''
    let raw: Uint8Array = new Uint8Array()
    while (reader.pos < reader.len) {
      const [number, wireType] = reader.tag()
      if (number === 1) {
        const end = readEnd(reader, reader.len)
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
  })
}

/** The JSON value of a message without envelope. Throws ProtobufError. */
export const decodeMessage = (raw: Uint8Array, message: Message, type?: TypeMeta): Fields =>
  reading(type, () => {
    const reader = new BinaryReader(raw)
    return readFields(reader, message, reader.len, 0)
  })

/**
 * The JSON value of an enveloped object; `definition` is the schema's name, `io.k8s.api.core.v1.Pod`. An object of
 * another kind tells no more than that: its fields have other meanings. Throws ProtobufError.
 */
export const decodeProtobuf = (body: Buffer, definition: string): Fields => {
  const { apiVersion, kind, raw } = readEnvelope(body)
  const isOther = kind !== '' && !definition.endsWith(`.${kind}`)
  const fields = isOther ? {} : decodeMessage(raw, messageOfDefinition(definition), { apiVersion, kind })
  return { ...(kind === '' ? {} : { kind }), ...(apiVersion === '' ? {} : { apiVersion }), ...fields }
}
