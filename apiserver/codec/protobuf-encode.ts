/**
 * Writes objects as Kubernetes' protobuf (`application/vnd.kubernetes.protobuf`), byte for byte as upstream's generated
 * marshallers do: fields in order of their numbers, zeros written unless the field is a pointer, maps in order of keys.
 */
import { type Field, type Message, messageOfKind } from './protobuf-messages.ts'
import { type Fields, specialMessage } from './protobuf-values.ts'
import { ReverseWriter } from './reverse-writer.ts'

/** Writes the content of a value; the tag comes after it, as all goes backwards. */
type WriteValue = (writer: ReverseWriter, value: unknown) => void
type WriteField = (writer: ReverseWriter, owner: Fields) => void

const isAbsent = (value: unknown): boolean => value === undefined || value === null

const scalarWriters: Readonly<Record<string, WriteValue>> = {
  string: (writer, value) => writer.varint(writer.text(typeof value === 'string' ? value : '')),
  bytes: (writer, value) => {
    const bytes = value instanceof Uint8Array ? value : Buffer.from(typeof value === 'string' ? value : '', 'base64')
    writer.bytes(bytes)
    writer.varint(bytes.length)
  },
  bool: (writer, value) => writer.byte(value === true ? 1 : 0),
  double: (writer, value) => writer.double(Number(value ?? 0)),
  int32: (writer, value) => writer.varint(typeof value === 'number' ? value : 0),
  int64: (writer, value) => {
    if (typeof value === 'bigint') writer.bigVarint(value)
    else writer.varint(typeof value === 'number' ? value : 0)
  },
}

const wireTypes: Readonly<Record<string, number>> = { bool: 0, int32: 0, int64: 0, double: 1 }
const tagOf = (number: number, type: string): number => number * 8 + (wireTypes[type] ?? 2)

const emptyObject: Fields = {}
const asFields = (value: unknown): Fields =>
  typeof value === 'object' && value !== null ? (value as Fields) : emptyObject

const messageWriter = (message: Message): WriteValue => {
  const { toFields } = specialMessage(message.name) ?? { toFields: asFields }
  let fields: WriteField[] | undefined
  return (writer, value) => {
    fields ??= fieldWriters(message)
    const start = writer.length
    const owner = toFields(value)
    if (owner !== undefined) for (const write of fields) write(writer, owner)
    writer.varint(writer.length - start)
  }
}

const writers = new WeakMap<Message, WriteValue>()
const writerOf = (message: Message): WriteValue => {
  let writer = writers.get(message)
  if (writer === undefined) {
    writer = messageWriter(message)
    writers.set(message, writer)
  }
  return writer
}

const valueWriter = (field: Field): WriteValue => {
  if (field.message !== undefined) return writerOf(field.message)
  const writer = scalarWriters[field.type]
  if (writer === undefined) throw new Error(`no protobuf encoding of ${field.type}`)
  return writer
}

/** Go sorts keys by their UTF-8 bytes; UTF-16 differs from that only where surrogates meet U+E000 and above. */
const byBytes = (a: string, b: string): number =>
  /[\ud800-\uffff]/.test(a + b) ? Buffer.compare(Buffer.from(a), Buffer.from(b)) : a < b ? -1 : a > b ? 1 : 0

const fieldWriter = (field: Field): WriteField => {
  const { name, number, type } = field
  const write = valueWriter(field)
  const tag = tagOf(number, type)
  if (field.inline) {
    return (writer, owner) => {
      write(writer, owner)
      writer.varint(tag)
    }
  }
  switch (field.shape) {
    case 'single':
      return (writer, owner) => {
        const value = owner[name]
        if (field.pointer && isAbsent(value)) return
        write(writer, value)
        writer.varint(tag)
      }
    case 'repeated':
      return (writer, owner) => {
        const list = owner[name]
        if (!Array.isArray(list)) return
        for (let index = list.length - 1; index >= 0; index--) {
          write(writer, list[index])
          writer.varint(tag)
        }
      }
    case 'map':
      return (writer, owner) => {
        const map = owner[name]
        if (isAbsent(map)) return
        const values = asFields(map)
        const keys = Object.keys(values)
        if (keys.length > 1) keys.sort(byBytes)
        for (let index = keys.length - 1; index >= 0; index--) {
          const key = keys[index] ?? ''
          const value = values[key]
          if (value === undefined) continue
          const start = writer.length
          // Of a null in a map of bytes only the key is written.
          if (type !== 'bytes' || !isAbsent(value)) {
            write(writer, value)
            writer.varint(tagOf(2, type))
          }
          writer.varint(writer.text(key))
          writer.byte(0x0a)
          writer.varint(writer.length - start)
          writer.varint(number * 8 + 2)
        }
      }
  }
}

/** In descending order: the writer goes backwards. */
const fieldWriters = (message: Message): WriteField[] => message.fields.map(fieldWriter).reverse()

const roots = new WeakMap<Message, WriteField[]>()
const shared = new ReverseWriter()

/** The message of an object, without envelope. */
export const encodeMessage = (message: Message, object: object): Buffer => {
  let fields = roots.get(message)
  if (fields === undefined) {
    fields = fieldWriters(message)
    roots.set(message, fields)
  }
  try {
    for (const write of fields) write(shared, object as Fields)
  } catch (error) {
    shared.take()
    throw error
  }
  return shared.take()
}

const magic = Buffer.from('k8s\0')
/** contentEncoding and contentType, both empty. */
const envelopeTail = Buffer.from([0x1a, 0, 0x22, 0])

/** What stands before the `size` bytes of a message in its envelope: magic, type, length. */
const envelopeHead = (apiVersion: string, kind: string, size: number): Buffer => {
  shared.varint(size)
  shared.byte(0x12)
  const end = shared.length
  shared.varint(shared.text(kind))
  shared.byte(0x12)
  shared.varint(shared.text(apiVersion))
  shared.byte(0x0a)
  shared.varint(shared.length - end)
  shared.byte(0x0a)
  shared.bytes(magic)
  return shared.take()
}

/** The parts of runtime.Unknown around a message that is written in parts of `size` bytes together. */
export const envelopeParts = (
  apiVersion: string,
  kind: string,
  size: number,
): readonly [head: Buffer, tail: Buffer] => [envelopeHead(apiVersion, kind, size), envelopeTail]

/** Magic bytes and runtime.Unknown around a message. */
export const inEnvelope = (apiVersion: string, kind: string, message: Buffer): Buffer =>
  Buffer.concat([envelopeHead(apiVersion, kind, message.length), message, envelopeTail])

/** An object that says its kind, in its envelope. Throws where the kind has no message. */
export const encodeProtobuf = (object: object): Buffer => {
  const { apiVersion = '', kind = '' } = object as { apiVersion?: string; kind?: string }
  return inEnvelope(apiVersion, kind, encodeMessage(messageOfKind(apiVersion, kind), object))
}

/** Tag and length of an item of a list, whose `items` have that number. */
export const itemHead = (number: number, size: number): Buffer => {
  shared.varint(size)
  shared.varint(tagOf(number, ''))
  return shared.take()
}

export const frameLengthBytes = 4

/** A frame of a watch: its length in four bytes, then metav1.WatchEvent with the object in its own envelope. */
export const watchFrame = (type: string, object: Buffer): Buffer => {
  // object = 2 { raw = 1 }
  shared.bytes(object)
  shared.varint(object.length)
  shared.byte(0x0a)
  shared.varint(shared.length)
  shared.byte(0x12)
  shared.varint(shared.text(type))
  shared.byte(0x0a)
  const size = shared.length
  shared.bytes([size >>> 24, (size >>> 16) & 0xff, (size >>> 8) & 0xff, size & 0xff])
  return shared.take()
}
