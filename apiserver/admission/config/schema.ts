/** Schemas of configuration files, for the same decoder that reads API objects. */
import type { FieldSchema, ObjectSchema, ScalarSchema, Schema } from '../../../api/schema/schema.ts'

export const text: ScalarSchema = { type: 'scalar', scalar: 'string' }
export const bool: ScalarSchema = { type: 'scalar', scalar: 'boolean' }
export const integer: ScalarSchema = { type: 'scalar', scalar: 'int32' }
export const integer64: ScalarSchema = { type: 'scalar', scalar: 'int64' }
/** A value that somebody else decodes. */
export const raw: Schema = { type: 'any', name: '' }

export const listOf = (items: Schema): Schema => ({
  type: 'array',
  items,
  listType: undefined,
  listMapKeys: [],
  patchStrategy: [],
  patchMergeKey: undefined,
})

export const mapOf = (values: Schema): Schema => ({ type: 'map', values, mapType: undefined })

/** `name` is what messages call the type: `v1.PodSecurityConfiguration`. */
export const objectOf = (name: string, fields: Readonly<Record<string, Schema>>): ObjectSchema => ({
  type: 'object',
  name,
  fields: new Map(
    Object.entries(fields).map(([field, schema]): [string, FieldSchema] => [
      field,
      { name: field, schema, mapType: undefined, patchStrategy: [], presence: 'pointer' },
    ]),
  ),
  required: [],
  mapType: undefined,
  gvks: [],
  unions: undefined,
  preserveUnknown: false,
})
