/**
 * Proto3 JSON to protobuf bytes without a step between, as golang/protobuf's jsonpb reads it: both spellings of names,
 * numbers in quotes or without, enums by name or number, unknown members ignored; errors in its words.
 */
import { BinaryWriter } from '@bufbuild/protobuf/wire'
import { encodeWith } from '../message.ts'
import type { MessageDeclaration, ScalarName } from '../types.ts'
import { decodeBase64 } from './base64.ts'
import { JsonNumber, type JsonObject, type JsonTree, parseWholeJson } from './parse.ts'
import type { JsonField, JsonSchema } from './schema.ts'

/** The JSON does not fit the message. */
export class JsonMappingError extends Error {
  override readonly name = 'JsonMappingError'
}

type Schemas = (message: MessageDeclaration) => JsonSchema

const wireTypes: Readonly<Record<ScalarName, 0 | 1 | 2 | 5>> = {
  string: 2,
  bytes: 2,
  bool: 0,
  int32: 0,
  uint32: 0,
  sint32: 0,
  fixed32: 5,
  float: 5,
  double: 1,
  int64: 0,
  uint64: 0,
  int64big: 0,
  uint64big: 0,
}

const kindName = (tree: JsonTree): string => {
  if (tree === null) return 'null'
  if (typeof tree === 'boolean') return 'bool'
  if (typeof tree === 'string') return 'string'
  if (tree instanceof JsonNumber) return 'number'
  return Array.isArray(tree) ? 'array' : 'object'
}

const misfit = (what: string, goType: string): JsonMappingError =>
  new JsonMappingError(`json: cannot unmarshal ${what} into Go value of type ${goType}`)

/** A number may stand in quotes: what is between them is read as JSON again. */
const unquoted = (tree: JsonTree): JsonTree => (typeof tree === 'string' ? parseWholeJson(tree) : tree)

const integer = (tree: JsonTree, goType: string, min: bigint, max: bigint): bigint => {
  const value = unquoted(tree)
  if (value === null) return 0n
  if (!(value instanceof JsonNumber)) throw misfit(kindName(value), goType)
  const number = /^-?\d+$/.test(value.text) ? BigInt(value.text) : undefined
  if (number === undefined || number < min || number > max) throw misfit(`number ${value.text}`, goType)
  return number
}

const signed = (tree: JsonTree, bits: 32 | 64, goType = `int${bits}`): bigint =>
  integer(tree, goType, -(2n ** BigInt(bits - 1)), 2n ** BigInt(bits - 1) - 1n)
const unsigned = (tree: JsonTree, bits: 32 | 64): bigint => integer(tree, `uint${bits}`, 0n, 2n ** BigInt(bits) - 1n)

const nonFinite: readonly JsonTree[] = ['NaN', 'Infinity', '-Infinity']

const float = (tree: JsonTree, goType: string): number => {
  if (nonFinite.includes(tree)) return Number(tree)
  const value = unquoted(tree)
  if (value === null) return 0
  if (!(value instanceof JsonNumber)) throw misfit(kindName(value), goType)
  return Number(value.text)
}

const text = (tree: JsonTree): string => {
  if (typeof tree !== 'string') throw misfit(kindName(tree), 'string')
  return tree
}

const bool = (tree: JsonTree): boolean => {
  if (typeof tree !== 'boolean') throw misfit(kindName(tree), 'bool')
  return tree
}

const bytes = (tree: JsonTree): Buffer => {
  if (typeof tree !== 'string') throw misfit(kindName(tree), '[]uint8')
  return decodeBase64(tree)
}

const writers: Readonly<Record<ScalarName, (writer: BinaryWriter, tree: JsonTree) => unknown>> = {
  string: (writer, tree) => writer.string(tree === null ? '' : text(tree)),
  bytes: (writer, tree) => writer.bytes(tree === null ? Buffer.alloc(0) : bytes(tree)),
  bool: (writer, tree) => writer.bool(tree === null ? false : bool(tree)),
  int32: (writer, tree) => writer.int32(Number(signed(tree, 32))),
  uint32: (writer, tree) => writer.uint32(Number(unsigned(tree, 32))),
  sint32: (writer, tree) => writer.sint32(Number(signed(tree, 32))),
  fixed32: (writer, tree) => writer.fixed32(Number(unsigned(tree, 32))),
  float: (writer, tree) => writer.float(float(tree, 'float32')),
  double: (writer, tree) => writer.double(float(tree, 'float64')),
  int64: (writer, tree) => writer.int64(signed(tree, 64)),
  uint64: (writer, tree) => writer.uint64(unsigned(tree, 64)),
  int64big: (writer, tree) => writer.int64(signed(tree, 64)),
  uint64big: (writer, tree) => writer.uint64(unsigned(tree, 64)),
}

const writeValue = (writer: BinaryWriter, { kind, number }: JsonField, tree: JsonTree, schemas: Schemas): void => {
  switch (kind.type) {
    case 'message':
      writer.tag(number, 2).fork()
      writeMessage(writer, schemas(kind.message), tree, schemas)
      writer.join()
      return
    case 'enum': {
      if (typeof tree === 'string' && !Object.hasOwn(kind.facts.values, tree)) {
        const quoted = JSON.stringify(JSON.stringify(tree))
        throw new JsonMappingError(`unknown value ${quoted} for enum ${kind.facts.name}`)
      }
      const named = typeof tree === 'string' ? kind.facts.values[tree] : undefined
      writer.tag(number, 0).int32(named ?? Number(signed(tree, 32, 'protoreflect.EnumNumber')))
      return
    }
    case 'scalar':
      writers[kind.scalar](writer.tag(number, wireTypes[kind.scalar]), tree)
  }
}

const writeField = (writer: BinaryWriter, field: JsonField, tree: JsonTree, schemas: Schemas): void => {
  if (!field.repeated) {
    writeValue(writer, field, tree, schemas)
    return
  }
  if (!Array.isArray(tree)) throw misfit(kindName(tree), '[]json.RawMessage')
  for (const element of tree as readonly JsonTree[]) writeValue(writer, field, element, schemas)
}

const writeMessage = (writer: BinaryWriter, schema: JsonSchema, tree: JsonTree, schemas: Schemas): void => {
  if (tree === null) return
  if (!(tree instanceof Map)) throw misfit(kindName(tree), 'map[string]json.RawMessage')
  const object: JsonObject = tree
  const given: { readonly field: JsonField; readonly value: JsonTree }[] = []
  for (const field of schema.fields) {
    const value = object.get(field.jsonName) ?? object.get(field.protoName)
    if (value !== undefined && value !== null) given.push({ field, value })
  }
  for (const { field, value } of given) {
    // Of a oneof the last one counts; the others are read all the same, for their errors.
    const replaced = field.oneof !== undefined && given.findLast((other) => other.field.oneof === field.oneof)?.field
    if (replaced === false || replaced === field) writeField(writer, field, value, schemas)
    else writeField(new BinaryWriter(), field, value, schemas)
  }
}

/** The bytes of a message. Throws JsonMappingError, JsonSyntaxError (in quoted numbers) or RangeError (base64). */
export const jsonToProto = (message: MessageDeclaration, tree: JsonTree, schemas: Schemas): Buffer =>
  encodeWith((writer) => writeMessage(writer, schemas(message), tree, schemas))
