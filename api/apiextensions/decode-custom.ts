/** A custom resource from a body: metadata as for all kinds, the rest pruned by its own schema. */
import { decodeValue } from '../codec/decode.ts'
import { DecodeError } from '../codec/decode-context.ts'
import type { CustomSchema } from '../kind.ts'
import { type FieldSchema, objectMetaSchema, type ObjectSchema, type Schema } from '../schema/schema.ts'
import { isObject, type JsonObject } from './structural/structural.ts'

const text: Schema = { type: 'scalar', scalar: 'string' }
const field = (name: string, schema: Schema): [string, FieldSchema] => [
  name,
  { name, schema, mapType: undefined, patchStrategy: [], presence: 'pointer' },
]

let headOnce: ObjectSchema | undefined
/** What all custom resources have. */
export const customHead = (): ObjectSchema =>
  (headOnce ??= {
    type: 'object',
    name: '',
    fields: new Map([field('apiVersion', text), field('kind', text), field('metadata', objectMetaSchema())]),
    required: [],
    mapType: undefined,
    gvks: [],
    unions: undefined,
    preserveUnknown: true,
  })

/** The value is changed in place. Throws DecodeError. */
export const decodeCustom = (
  custom: CustomSchema,
  value: unknown,
): { readonly value: JsonObject; readonly unknownFields: readonly string[] } => {
  if (!isObject(value)) throw new DecodeError('json: cannot unmarshal into an object')
  const { apiVersion, kind, metadata } = value
  const given = { apiVersion, kind, ...(metadata === undefined ? {} : { metadata }) }
  const head = decodeValue(customHead(), given)
  const decoded = head.value as JsonObject
  if (decoded['metadata'] === undefined) delete value['metadata']
  else value['metadata'] = decoded['metadata']
  const dropped = custom.prune(value)
  return { value, unknownFields: [...head.unknownFields, ...dropped] }
}
