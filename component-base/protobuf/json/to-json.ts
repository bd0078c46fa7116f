/**
 * Protobuf bytes to proto3 JSON without a step between, as golang/protobuf's jsonpb writes it with the names of the
 * .proto file: members in declared order, default values left out, 64-bit integers and bytes as strings.
 */
import { BinaryReader } from '@bufbuild/protobuf/wire'
import type { MessageDeclaration, ScalarName } from '../types.ts'
import type { JsonField, JsonSchema } from './schema.ts'

type Schemas = (message: MessageDeclaration) => JsonSchema

/** Go's encoding/json also escapes what could end a script element. */
const goEscapes: Readonly<Record<string, string>> = {
  '<': String.raw`\u003c`,
  '>': String.raw`\u003e`,
  '&': String.raw`\u0026`,
  '\u2028': String.raw`\u2028`,
  '\u2029': String.raw`\u2029`,
}

/** A string as Go's encoding/json writes it. */
export const goJsonString = (text: string): string =>
  JSON.stringify(text).replaceAll(/[<>&\u2028\u2029]/g, (char) => goEscapes[char] ?? char)

const float = (value: number): string => (Number.isFinite(value) ? String(value) : JSON.stringify(String(value)))

/** Each reads one value, and says if it is the default, which JSON leaves out. */
const scalarTexts: Readonly<Record<ScalarName, (reader: BinaryReader) => { text: string; isDefault: boolean }>> = {
  string: (reader) => {
    const value = reader.string()
    return { text: goJsonString(value), isDefault: value === '' }
  },
  bytes: (reader) => {
    const value = reader.bytes()
    const text = Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64')
    return { text: `"${text}"`, isDefault: value.length === 0 }
  },
  bool: (reader) => {
    const value = reader.bool()
    return { text: String(value), isDefault: !value }
  },
  int32: (reader) => numberText(reader.int32()),
  uint32: (reader) => numberText(reader.uint32()),
  sint32: (reader) => numberText(reader.sint32()),
  fixed32: (reader) => numberText(reader.fixed32()),
  float: (reader) => numberText(reader.float()),
  double: (reader) => numberText(reader.double()),
  int64: (reader) => wideText(reader.int64()),
  uint64: (reader) => wideText(reader.uint64()),
  int64big: (reader) => wideText(reader.int64()),
  uint64big: (reader) => wideText(reader.uint64()),
}

const numberText = (value: number): { text: string; isDefault: boolean } => ({
  text: float(value),
  isDefault: value === 0,
})

const wideText = (value: bigint | string): { text: string; isDefault: boolean } => {
  const text = String(value)
  return { text: `"${text}"`, isDefault: text === '0' }
}

const readValue = (
  reader: BinaryReader,
  { kind }: JsonField,
  schemas: Schemas,
): { readonly text: string; readonly isDefault: boolean } => {
  switch (kind.type) {
    case 'message':
      return { text: messageText(reader.bytes(), schemas(kind.message), schemas), isDefault: false }
    case 'enum': {
      const value = reader.int32()
      const name = kind.names.get(value)
      return { text: name === undefined ? String(value) : `"${name}"`, isDefault: value === 0 }
    }
    case 'scalar':
      return scalarTexts[kind.scalar](reader)
  }
}

const lengthDelimited = 2

const isPacked = ({ kind, repeated }: JsonField, wireType: number): boolean => {
  if (!repeated || wireType !== lengthDelimited || kind.type === 'message') return false
  return kind.type === 'enum' || (kind.scalar !== 'string' && kind.scalar !== 'bytes')
}

const readMember = (reader: BinaryReader, field: JsonField, wireType: number, schemas: Schemas): string[] => {
  if (!isPacked(field, wireType)) return [readValue(reader, field, schemas).text]
  const end = reader.uint32() + reader.pos
  const texts: string[] = []
  while (reader.pos < end) texts.push(readValue(reader, field, schemas).text)
  return texts
}

const messageText = (bytes: Uint8Array, schema: JsonSchema, schemas: Schemas): string => {
  const reader = new BinaryReader(bytes)
  const members = new Map<JsonField, string | string[]>()
  while (reader.pos < reader.len) {
    const [number, wireType] = reader.tag()
    const field = schema.byNumber.get(number)
    if (field === undefined) reader.skip(wireType, number)
    else if (field.repeated) {
      const list = (members.get(field) ?? []) as string[]
      list.push(...readMember(reader, field, wireType, schemas))
      members.set(field, list)
    } else {
      const { text, isDefault } = readValue(reader, field, schemas)
      if (!isDefault || field.oneof !== undefined) members.set(field, text)
      else members.delete(field)
    }
  }
  const texts: string[] = []
  for (const field of schema.fields) {
    const text = members.get(field)
    if (text === undefined) continue
    texts.push(`"${field.protoName}":${typeof text === 'string' ? text : `[${text.join(',')}]`}`)
  }
  return `{${texts.join(',')}}`
}

/** The JSON of an encoded message. */
export const protoToJson = (message: MessageDeclaration, bytes: Uint8Array, schemas: Schemas): string =>
  messageText(bytes, schemas(message), schemas)
