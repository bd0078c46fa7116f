/** A structural schema as the schema of built-in kinds: for server-side apply and managedFields. */
import {
  type FieldSchema,
  objectMetaSchema,
  type ObjectSchema,
  type ListType,
  type Schema,
} from '../../schema/schema.ts'
import type { Structural } from './structural.ts'

const scalars = { string: 'string', integer: 'int64', number: 'double', boolean: 'boolean' } as const
const anything: Schema = { type: 'any', name: '' }
const text: Schema = { type: 'scalar', scalar: 'string' }

const fieldOf = (name: string, schema: Schema): FieldSchema => ({
  name,
  schema,
  mapType: undefined,
  patchStrategy: [],
  presence: 'pointer',
})

const objectOf = (schema: Structural, isResource: boolean): ObjectSchema => {
  const own: readonly (readonly [string, Schema])[] = Array.from(schema.properties, ([name, part]) => [
    name,
    schemaOf(part),
  ])
  const meta: readonly (readonly [string, Schema])[] = isResource
    ? [
        ['apiVersion', text],
        ['kind', text],
        ['metadata', objectMetaSchema()],
      ]
    : []
  return {
    type: 'object',
    name: '',
    fields: new Map([...own, ...meta].map(([name, part]) => [name, fieldOf(name, part)])),
    required: schema.schema.required ?? [],
    mapType: schema.mapType === 'atomic' ? 'atomic' : undefined,
    gvks: [],
    unions: undefined,
    preserveUnknown: schema.preserveUnknown || schema.additional === true,
  }
}

const schemaOf = (schema: Structural): Schema => {
  if (schema.intOrString) return { type: 'scalar', scalar: 'intOrString' }
  if (schema.type === 'array') {
    return {
      type: 'array',
      items: schema.items === undefined ? anything : schemaOf(schema.items),
      listType: schema.listType as ListType | undefined,
      listMapKeys: schema.listMapKeys,
      patchStrategy: [],
      patchMergeKey: undefined,
    }
  }
  if (schema.type === 'object') {
    if (typeof schema.additional === 'object') {
      const mapType = schema.mapType === 'atomic' ? 'atomic' : undefined
      return { type: 'map', values: schemaOf(schema.additional), mapType }
    }
    return objectOf(schema, schema.embedded)
  }
  const scalar = scalars[schema.type as keyof typeof scalars]
  return scalar === undefined ? anything : { type: 'scalar', scalar }
}

/** The schema of a custom resource, its kind, apiVersion and metadata included. */
export const resourceSchema = (schema: Structural): ObjectSchema => objectOf(schema, true)
