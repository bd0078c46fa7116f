import type { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire'
import { type Scalar, scalars } from './scalars.ts'
import type {
  AnyMessage,
  EnumType,
  FieldSpec,
  FieldTable,
  FieldType,
  MapType,
  MessageType,
  ScalarName,
} from './types.ts'

type Fields = Record<string, unknown>
type FieldWriter = (writer: BinaryWriter, fields: Fields) => void
type FieldReader = (out: Fields, reader: BinaryReader, bytes: Buffer) => void
type UntypedMessage = MessageType<object, object>

/** Shared by every decoded message with an empty list; replaced at the first element. */
const emptyList: readonly unknown[] = Object.freeze([])
const emptyMap: ReadonlyMap<unknown, unknown> = new Map()

const isMap = (type: FieldType): type is MapType<'string' | 'int32' | 'int64', ScalarName | AnyMessage> =>
  typeof type === 'object' && 'type' in type && type.type === 'map'
const isEnum = (type: FieldType): type is EnumType<string> =>
  typeof type === 'object' && 'type' in type && type.type === 'enum'

const enumScalar = ({ numbers, names }: EnumType<string>): Scalar => {
  const zero = names.get(0)
  return {
    wireType: 0,
    zero,
    isZero: (value) => value === zero,
    write: (writer, value) => {
      const number = numbers[value as string]
      if (number === undefined) throw new RangeError(`unknown enum value ${JSON.stringify(value)}`)
      writer.int32(number)
    },
    read: (reader) => names.get(reader.int32()) ?? zero,
  }
}

/** A message seen as a scalar of wire type 2 that has no default value. */
const messageScalar = (untyped: AnyMessage): Scalar => {
  const type = untyped as unknown as UntypedMessage
  return {
    wireType: 2,
    zero: undefined,
    isZero: () => false,
    write: (writer, value) => {
      if (value instanceof Uint8Array) {
        writer.bytes(value)
        return
      }
      writer.fork()
      type.write(writer, value as object)
      writer.join()
    },
    read: (reader, bytes) => {
      const length = reader.uint32()
      const end = reader.pos + length
      if (end > bytes.length) throw new RangeError('premature EOF')
      return type.read(reader, end, bytes)
    },
  }
}

const valueScalar = (type: Exclude<FieldType, { readonly type: 'map' }>): Scalar => {
  if (typeof type === 'string') return scalars[type]
  return isEnum(type) ? enumScalar(type) : messageScalar(type)
}

const tagOf = (number: number, wireType: number): number => ((number << 3) | wireType) >>> 0

const isPackable = (type: FieldType, scalar: Scalar): boolean =>
  scalar.wireType !== 2 && (typeof type === 'string' || isEnum(type))

const writeMap = (
  name: string,
  number: number,
  type: MapType<'string' | 'int32' | 'int64', ScalarName | AnyMessage>,
): FieldWriter => {
  const key = scalars[type.key]
  const value = valueScalar(type.value)
  const keyTag = tagOf(1, key.wireType)
  const valueTag = tagOf(2, value.wireType)
  return (writer, fields) => {
    const map = fields[name]
    if (map === undefined) return
    const entries: Iterable<[unknown, unknown]> = map instanceof Map ? map : Object.entries(map as Fields)
    for (const [k, v] of entries) {
      writer.uint32(tagOf(number, 2)).fork()
      key.write(writer.uint32(keyTag), k)
      value.write(writer.uint32(valueTag), v)
      writer.join()
    }
  }
}

const writeField = (name: string, [number, type, label]: FieldSpec): FieldWriter => {
  if (isMap(type)) return writeMap(name, number, type)
  const scalar = valueScalar(type)
  const tag = tagOf(number, scalar.wireType)
  if (label !== 'repeated') {
    return (writer, fields) => {
      const value = fields[name]
      if (value === undefined || (label === undefined && scalar.isZero(value))) return
      scalar.write(writer.uint32(tag), value)
    }
  }
  if (isPackable(type, scalar)) {
    return (writer, fields) => {
      const list = fields[name] as readonly unknown[] | undefined
      if (list === undefined || list.length === 0) return
      writer.uint32(tagOf(number, 2)).fork()
      for (const value of list) scalar.write(writer, value)
      writer.join()
    }
  }
  return (writer, fields) => {
    const list = fields[name] as readonly unknown[] | undefined
    if (list === undefined) return
    for (const value of list) scalar.write(writer.uint32(tag), value)
  }
}

export const compileEncoder = (table: FieldTable): ((writer: BinaryWriter, value: object) => void) => {
  const writers = Object.entries(table)
    .toSorted(([, a], [, b]) => a[0] - b[0])
    .map(([name, spec]) => writeField(name, spec))
  return (writer, value) => {
    for (const write of writers) write(writer, value as Fields)
  }
}

const readMapEntry = (
  name: string,
  type: MapType<'string' | 'int32' | 'int64', ScalarName | AnyMessage>,
): FieldReader => {
  const keyScalar = scalars[type.key]
  const valueOf = valueScalar(type.value)
  return (out, reader, bytes) => {
    const length = reader.uint32()
    const end = reader.pos + length
    let key = keyScalar.zero
    let value = valueOf.zero
    while (reader.pos < end) {
      const tag = reader.uint32()
      if (tag >>> 3 === 1) key = keyScalar.read(reader, bytes)
      else if (tag >>> 3 === 2) value = valueOf.read(reader, bytes)
      else reader.skip(tag & 7, tag >>> 3)
    }
    if (out[name] === emptyMap) out[name] = new Map()
    ;(out[name] as Map<unknown, unknown>).set(key, value)
  }
}

const pushTo = (out: Fields, name: string, value: unknown): void => {
  if (out[name] === emptyList) out[name] = [value]
  else (out[name] as unknown[]).push(value)
}

/** The readers of one field, by tag: repeated numbers are taken packed and unpacked. */
const readersOf = (name: string, [number, type, label]: FieldSpec): (readonly [number, FieldReader])[] => {
  if (isMap(type)) return [[tagOf(number, 2), readMapEntry(name, type)]]
  const scalar = valueScalar(type)
  const tag = tagOf(number, scalar.wireType)
  if (label !== 'repeated') {
    return [
      [
        tag,
        (out, reader, bytes) => {
          out[name] = scalar.read(reader, bytes)
        },
      ],
    ]
  }
  const one: FieldReader = (out, reader, bytes) => pushTo(out, name, scalar.read(reader, bytes))
  if (!isPackable(type, scalar)) return [[tag, one]]
  const packed: FieldReader = (out, reader, bytes) => {
    const length = reader.uint32()
    const end = reader.pos + length
    if (end > bytes.length) throw new RangeError('premature EOF')
    while (reader.pos < end) pushTo(out, name, scalar.read(reader, bytes))
  }
  return [
    [tag, one],
    [tagOf(number, 2), packed],
  ]
}

const defaultOf = ([, type, label]: FieldSpec): unknown => {
  if (isMap(type)) return emptyMap
  if (label === 'repeated') return emptyList
  return label === 'optional' ? undefined : valueScalar(type).zero
}

/** A tag of so many bytes may have more than 32 bits. */
const longTagBytes = 5
const maxFieldNumber = 2 ** 29 - 1

/** Go's decoders read tags of 64 bits and take 32 of them for the field's number. */
const readLongTag = (reader: BinaryReader, start: number): number => {
  reader.pos = start
  const wire = BigInt(reader.uint64())
  const number = Number(BigInt.asIntN(32, wire >> 3n))
  if (number <= 0) throw new RangeError(`field number ${number}`)
  return tagOf(Math.min(number, maxFieldNumber), Number(wire & 7n))
}

/** Skips a field that is not known, as strictly as Go's decoders do. */
const skipField = (reader: BinaryReader, tag: number, end: number): void => {
  if (tag >>> 3 === 0) throw new RangeError('field number 0')
  let depth = 0
  for (let type = tag & 7; ; type = reader.uint32() & 7) {
    if (type === 0) reader.int64()
    else if (type === 1) reader.pos += 8
    else if (type === 2) {
      const length = reader.uint32()
      reader.pos += length
    } else if (type === 3) depth++
    else if (type === 4 && depth > 0) depth--
    else if (type === 5) reader.pos += 4
    else throw new RangeError(`illegal wire type ${type}`)
    if (reader.pos > end) throw new RangeError('premature EOF')
    if (depth === 0) return
  }
}

/** Of a oneof's fields the last one on the wire counts. */
const readAlone =
  (read: FieldReader, others: readonly string[]): FieldReader =>
  (out, reader, bytes) => {
    for (const other of others) out[other] = undefined
    read(out, reader, bytes)
  }

export const compileDecoder = (
  table: FieldTable,
  oneof: readonly string[] = [],
): ((reader: BinaryReader, end: number, bytes: Buffer) => object) => {
  const readers = new Map<number, FieldReader>()
  const known = new Set(Object.values(table).map(([number]) => number))
  const template: Fields = {}
  for (const [name, spec] of Object.entries(table)) {
    template[name] = defaultOf(spec)
    const others = oneof.includes(name) ? oneof.filter((other) => other !== name) : []
    for (const [tag, read] of readersOf(name, spec)) {
      readers.set(tag, others.length === 0 ? read : readAlone(read, others))
    }
  }
  return (reader, end, bytes) => {
    const out = { ...template }
    while (reader.pos < end) {
      const start = reader.pos
      let tag = reader.uint32()
      if (reader.pos - start >= longTagBytes) tag = readLongTag(reader, start)
      const read = readers.get(tag)
      if (read !== undefined) read(out, reader, bytes)
      else if (known.has(tag >>> 3)) throw new RangeError(`wrong wire type of field ${tag >>> 3}`)
      else skipField(reader, tag, end)
    }
    if (reader.pos > end) throw new RangeError('a field reaches beyond its message')
    return out
  }
}
