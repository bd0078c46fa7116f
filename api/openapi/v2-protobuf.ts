/**
 * OpenAPI v2 in protobuf, as kubectl up to 1.33 asks for it:
 * `application/com.github.proto-openapi.spec.v2@v1.0+protobuf`. The messages are gnostic's openapi.v2 (field numbers
 * below are that contract). Encodes the very document that openApiV2Document makes, custom resources included.
 */
import { BinaryWriter } from '@bufbuild/protobuf/wire'

/** What clients accept … */
export const protobufAcceptType = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf'
/** … and what the answer must say it is: Go refuses the `@` in a Content-Type. */
export const protobufContentType = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf'

type Json = unknown
type JsonObject = Record<string, unknown>
/** Writes a value's fields into the message that the caller has opened. */
type Encode = (writer: BinaryWriter, value: JsonObject) => void

const isObject = (value: Json): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const objectOf = (value: Json): JsonObject => (isObject(value) ? value : {})
const listOf = (value: Json): readonly Json[] => (Array.isArray(value) ? value : [])

const bytesField = (writer: BinaryWriter, number: number): BinaryWriter => writer.uint32((number << 3) | 2)

const string = (writer: BinaryWriter, number: number, value: Json): void => {
  if (typeof value === 'string' && value !== '') bytesField(writer, number).string(value)
}
const strings = (writer: BinaryWriter, number: number, values: Json): void => {
  for (const value of listOf(values)) bytesField(writer, number).string(String(value))
}
const bool = (writer: BinaryWriter, number: number, value: Json): void => {
  if (value === true) writer.uint32(number << 3).bool(true)
}
const double = (writer: BinaryWriter, number: number, value: Json): void => {
  if (typeof value === 'number') writer.uint32((number << 3) | 1).double(value)
}
const integer = (writer: BinaryWriter, number: number, value: Json): void => {
  if (typeof value === 'number') writer.uint32(number << 3).int64(value)
}
const message = (writer: BinaryWriter, number: number, value: Json, encode: Encode): void => {
  if (!isObject(value)) return
  bytesField(writer, number).fork()
  encode(writer, value)
  writer.join()
}
const messages = (writer: BinaryWriter, number: number, values: Json, encode: Encode): void => {
  for (const value of listOf(values)) message(writer, number, value, encode)
}

/** Maps are repeated messages of name (1) and value (2). */
const named = (writer: BinaryWriter, number: number, members: Json, encode: Encode): void => {
  for (const [name, value] of Object.entries(objectOf(members))) {
    bytesField(writer, number).fork()
    string(writer, 1, name)
    message(writer, 2, value, encode)
    writer.join()
  }
}

/** Any: the value as YAML text, of which JSON is a part. */
const any = (writer: BinaryWriter, number: number, value: Json): void => {
  if (value === undefined) return
  bytesField(writer, number).fork()
  string(writer, 2, JSON.stringify(value))
  writer.join()
}

/** `x-…` fields. */
const extensions = (writer: BinaryWriter, number: number, value: JsonObject): void => {
  for (const name in value) {
    if (!name.startsWith('x-')) continue
    bytesField(writer, number).fork()
    string(writer, 1, name)
    any(writer, 2, value[name])
    writer.join()
  }
}

const encodeSchema: Encode = (writer, schema) => {
  string(writer, 1, schema.$ref)
  string(writer, 2, schema.format)
  string(writer, 3, schema.title)
  string(writer, 4, schema.description)
  any(writer, 5, schema.default)
  double(writer, 6, schema.multipleOf)
  double(writer, 7, schema.maximum)
  bool(writer, 8, schema.exclusiveMaximum)
  double(writer, 9, schema.minimum)
  bool(writer, 10, schema.exclusiveMinimum)
  integer(writer, 11, schema.maxLength)
  integer(writer, 12, schema.minLength)
  string(writer, 13, schema.pattern)
  integer(writer, 14, schema.maxItems)
  integer(writer, 15, schema.minItems)
  bool(writer, 16, schema.uniqueItems)
  integer(writer, 17, schema.maxProperties)
  integer(writer, 18, schema.minProperties)
  strings(writer, 19, schema.required)
  for (const value of listOf(schema.enum)) any(writer, 20, value)
  if (schema.additionalProperties !== undefined) {
    bytesField(writer, 21).fork()
    message(writer, 1, schema.additionalProperties, encodeSchema)
    bool(writer, 2, schema.additionalProperties)
    writer.join()
  }
  if (schema.type !== undefined) {
    bytesField(writer, 22).fork()
    strings(writer, 1, Array.isArray(schema.type) ? schema.type : [schema.type])
    writer.join()
  }
  if (isObject(schema.items)) {
    bytesField(writer, 23).fork()
    message(writer, 1, schema.items, encodeSchema)
    writer.join()
  }
  messages(writer, 24, schema.allOf, encodeSchema)
  if (isObject(schema.properties)) {
    bytesField(writer, 25).fork()
    named(writer, 1, schema.properties, encodeSchema)
    writer.join()
  }
  extensions(writer, 31, schema)
}

const encodeBodyParameter: Encode = (writer, parameter) => {
  string(writer, 1, parameter.description)
  string(writer, 2, parameter.name)
  string(writer, 3, parameter.in)
  bool(writer, 4, parameter.required)
  message(writer, 5, parameter.schema, encodeSchema)
}

const encodeQueryParameter: Encode = (writer, parameter) => {
  bool(writer, 1, parameter.required)
  string(writer, 2, parameter.in)
  string(writer, 3, parameter.description)
  string(writer, 4, parameter.name)
  string(writer, 6, parameter.type)
  bool(writer, 20, parameter.uniqueItems)
}

const encodePathParameter: Encode = (writer, parameter) => {
  bool(writer, 1, parameter.required)
  string(writer, 2, parameter.in)
  string(writer, 3, parameter.description)
  string(writer, 4, parameter.name)
  string(writer, 5, parameter.type)
  bool(writer, 19, parameter.uniqueItems)
}

const encodeParameter: Encode = (writer, parameter) => {
  if (parameter.in === 'body') {
    message(writer, 1, parameter, encodeBodyParameter)
    return
  }
  const [number, encode] =
    parameter.in === 'path' ? ([4, encodePathParameter] as const) : ([3, encodeQueryParameter] as const)
  message(writer, 2, parameter, (inner, value) => message(inner, number, value, encode))
}

const encodeReference: Encode = (writer, reference) => string(writer, 1, reference.$ref)

const encodeParametersItem: Encode = (writer, parameter) => {
  if (parameter.$ref === undefined) message(writer, 1, parameter, encodeParameter)
  else message(writer, 2, parameter, encodeReference)
}

const encodeResponse: Encode = (writer, response) => {
  string(writer, 1, response.description)
  if (!isObject(response.schema)) return
  bytesField(writer, 2).fork()
  message(writer, 1, response.schema, encodeSchema)
  writer.join()
}

const encodeOperation: Encode = (writer, operation) => {
  strings(writer, 1, operation.tags)
  string(writer, 3, operation.description)
  string(writer, 5, operation.operationId)
  strings(writer, 6, operation.produces)
  strings(writer, 7, operation.consumes)
  messages(writer, 8, operation.parameters, encodeParametersItem)
  bytesField(writer, 9).fork()
  named(writer, 1, operation.responses, (inner, response) => message(inner, 1, response, encodeResponse))
  writer.join()
  strings(writer, 10, operation.schemes)
  extensions(writer, 13, operation)
}

const methodNumbers = { get: 2, put: 3, post: 4, delete: 5, options: 6, head: 7, patch: 8 } as const

const encodePathItem: Encode = (writer, item) => {
  for (const [method, number] of Object.entries(methodNumbers)) message(writer, number, item[method], encodeOperation)
  messages(writer, 9, item.parameters, encodeParametersItem)
  extensions(writer, 10, item)
}

const encodeInfo: Encode = (writer, info) => {
  string(writer, 1, info.title)
  string(writer, 2, info.version)
  string(writer, 3, info.description)
}

const encodeApiKey: Encode = (writer, security) => {
  string(writer, 1, security.type)
  string(writer, 2, security.name)
  string(writer, 3, security.in)
  string(writer, 4, security.description)
}

/** The bytes of an openapi.v2.Document. */
export const encodeOpenApiV2 = (document: JsonObject): Uint8Array => {
  const writer = new BinaryWriter()
  string(writer, 1, document.swagger)
  message(writer, 2, document.info, encodeInfo)
  bytesField(writer, 8).fork()
  named(writer, 2, document.paths, encodePathItem)
  writer.join()
  bytesField(writer, 9).fork()
  named(writer, 1, document.definitions, encodeSchema)
  writer.join()
  bytesField(writer, 10).fork()
  named(writer, 1, document.parameters, encodeParameter)
  writer.join()
  for (const requirement of listOf(document.security)) {
    bytesField(writer, 12).fork()
    named(writer, 1, requirement, () => undefined)
    writer.join()
  }
  bytesField(writer, 13).fork()
  named(writer, 1, document.securityDefinitions, (inner, security) => message(inner, 2, security, encodeApiKey))
  writer.join()
  return writer.finish()
}
