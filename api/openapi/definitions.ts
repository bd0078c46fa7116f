/** Schema nodes as OpenAPI writes them, for version 2 (`definitions`) and version 3 (`components.schemas`). */
import type { ArraySchema, FieldSchema, MapSchema, ObjectSchema, ScalarType, Schema } from '../schema/schema.ts'
import { schemaByRef } from '../schema/schema.ts'
import { type Descriptions, fieldText } from './descriptions.ts'

export type OpenApiVersion = 'v2' | 'v3'
export type JsonObject = Record<string, unknown>

const resource = 'io.k8s.apimachinery.pkg.api.resource'
const metaV1 = 'io.k8s.apimachinery.pkg.apis.meta.v1'

/** Scalars that are definitions of their own. */
const namedScalars = new Map<ScalarType, string>([
  ['quantity', `${resource}.Quantity`],
  ['time', `${metaV1}.Time`],
  ['microTime', `${metaV1}.MicroTime`],
  ['intOrString', 'io.k8s.apimachinery.pkg.util.intstr.IntOrString'],
])

const plainScalars: Readonly<Partial<Record<ScalarType, JsonObject>>> = {
  string: { type: 'string' },
  int32: { type: 'integer', format: 'int32' },
  int64: { type: 'integer', format: 'int64' },
  double: { type: 'number', format: 'double' },
  boolean: { type: 'boolean' },
  bytes: { type: 'string', format: 'byte' },
}

const scalarDefinition = (scalar: ScalarType, version: OpenApiVersion): JsonObject => {
  if (scalar === 'time' || scalar === 'microTime') return { type: 'string', format: 'date-time' }
  if (scalar === 'quantity')
    return version === 'v3' ? { oneOf: [{ type: 'string' }, { type: 'number' }] } : { type: 'string' }
  if (scalar === 'intOrString') {
    return version === 'v3'
      ? { format: 'int-or-string', oneOf: [{ type: 'integer' }, { type: 'string' }] }
      : { type: 'string', format: 'int-or-string' }
  }
  return plainScalars[scalar] ?? { type: 'string' }
}

/** Values without a fixed shape: objects in OpenAPI, but for JSON, which may be anything. */
const anyDefinition = (name: string): JsonObject => (name.includes('.JSON') ? {} : { type: 'object' })

/** Definition that a schema refers to, or undefined where it is written in place. */
const referenceOf = (schema: Schema): string | undefined => {
  if (schema.type === 'scalar') return namedScalars.get(schema.scalar)
  if (schema.type === 'object' || schema.type === 'any') return schema.name === '' ? undefined : schema.name
  return undefined
}

const refPath = (name: string, version: OpenApiVersion): string =>
  version === 'v2' ? `#/definitions/${name}` : `#/components/schemas/${name}`

/** Version 3 forbids siblings of $ref, so a reference with a description is wrapped. */
const reference = (name: string, version: OpenApiVersion): JsonObject =>
  version === 'v2' ? { $ref: refPath(name, version) } : { allOf: [{ $ref: refPath(name, version) }] }

const listTags = (schema: ArraySchema): JsonObject => ({
  ...(schema.listMapKeys.length === 0 ? {} : { 'x-kubernetes-list-map-keys': schema.listMapKeys }),
  ...(schema.listType === undefined ? {} : { 'x-kubernetes-list-type': schema.listType }),
  ...(schema.patchMergeKey === undefined ? {} : { 'x-kubernetes-patch-merge-key': schema.patchMergeKey }),
  ...(schema.patchStrategy.length === 0 ? {} : { 'x-kubernetes-patch-strategy': schema.patchStrategy.join(',') }),
})

const mapTags = ({ mapType }: MapSchema): JsonObject =>
  mapType === undefined ? {} : { 'x-kubernetes-map-type': mapType }

/** A schema where it is used: a reference, or written in place. */
const usage = (schema: Schema, version: OpenApiVersion): JsonObject => {
  const name = referenceOf(schema)
  if (name !== undefined) return reference(name, version)
  switch (schema.type) {
    case 'array':
      return { type: 'array', items: usage(schema.items, version), ...listTags(schema) }
    case 'map':
      return { type: 'object', additionalProperties: usage(schema.values, version), ...mapTags(schema) }
    case 'scalar':
      return { ...plainScalars[schema.scalar] }
    case 'object':
      return objectDefinition(schema, version, new Map())
    case 'any':
      return { type: 'object', 'x-kubernetes-preserve-unknown-fields': true }
  }
}

/** A list of bytes to Go, text to everybody else: the schema table has no list tags for those. */
const fieldTags: ReadonlyMap<string, JsonObject> = new Map([
  [
    'io.k8s.kube-aggregator.pkg.apis.apiregistration.v1.APIServiceSpec.caBundle',
    { 'x-kubernetes-list-type': 'atomic' },
  ],
])

const property = (definition: string, field: FieldSchema, version: OpenApiVersion, texts: Descriptions): JsonObject => {
  // Fields that refer to a definition have lost their own text in the package; the definition's says what it is.
  const referred = referenceOf(field.schema)
  const description =
    fieldText(texts, definition, field.name) ?? (referred === undefined ? undefined : texts.get(referred)?.text)
  return {
    ...(description === undefined ? {} : { description }),
    ...usage(field.schema, version),
    ...(field.mapType === undefined ? {} : { 'x-kubernetes-map-type': field.mapType }),
    ...fieldTags.get(`${definition}.${field.name}`),
    ...(field.patchStrategy.length === 0 ? {} : { 'x-kubernetes-patch-strategy': field.patchStrategy.join(',') }),
  }
}

const objectDefinition = (schema: ObjectSchema, version: OpenApiVersion, texts: Descriptions): JsonObject => {
  const properties = [...schema.fields.values()]
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map((field) => [field.name, property(schema.name, field, version, texts)])
  return {
    type: 'object',
    ...(schema.required.length === 0 ? {} : { required: schema.required }),
    ...(properties.length === 0 ? {} : { properties: Object.fromEntries(properties) as JsonObject }),
    ...(schema.gvks.length === 0 ? {} : { 'x-kubernetes-group-version-kind': schema.gvks }),
    ...(schema.mapType === undefined ? {} : { 'x-kubernetes-map-type': schema.mapType }),
    ...(schema.unions === undefined ? {} : { 'x-kubernetes-unions': schema.unions }),
    ...(schema.preserveUnknown ? { 'x-kubernetes-preserve-unknown-fields': true } : {}),
  }
}

/** The definition of that name in an OpenAPI document; throws for a name that the table does not have. */
export const definition = (name: string, version: OpenApiVersion, texts: Descriptions): JsonObject => {
  const schema = schemaByRef(name)
  if (schema === undefined) throw new Error(`no definition ${name}`)
  const description = texts.get(name)?.text ?? ''
  const described = description === '' ? {} : { description }
  switch (schema.type) {
    case 'object':
      return { ...described, ...objectDefinition(schema, version, texts) }
    case 'any':
      return { ...described, ...anyDefinition(name) }
    case 'scalar':
      return { ...described, ...scalarDefinition(schema.scalar, version) }
    case 'array':
    case 'map':
      return { ...described, ...usage(schema, version) }
  }
}

const addReferences = (schema: Schema, names: Set<string>): void => {
  const name = referenceOf(schema)
  if (name !== undefined) {
    collectReferences(name, names)
    return
  }
  if (schema.type === 'array') addReferences(schema.items, names)
  else if (schema.type === 'map') addReferences(schema.values, names)
}

/** Adds `name` and all that it refers to, directly or not. */
export const collectReferences = (name: string, names: Set<string>): void => {
  if (names.has(name)) return
  names.add(name)
  const schema = schemaByRef(name)
  if (schema?.type === 'object') for (const field of schema.fields.values()) addReferences(field.schema, names)
}
