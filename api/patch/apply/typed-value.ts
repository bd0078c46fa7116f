/**
 * Objects seen through their schema, as server-side apply sees them: which values merge and which are replaced whole,
 * and what a list's elements are called. Upstream: structured-merge-diff/typed.
 */
import { getField } from '../../meta/clone.ts'
import type { ArraySchema, FieldSchema, Schema } from '../../schema/schema.ts'

export type JsonObject = Record<string, unknown>

export const isJsonObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** A member of a merging value: its path element, its value, and what it may contain. */
export interface Member {
  readonly element: string
  readonly value: unknown
  readonly schema: Schema
  /** A field of the schema, as opposed to a map's key or a list's element. */
  readonly declared: boolean
  readonly atomic: boolean
}

/** Keys that upstream's schema gives a default, so that a list element may leave them out. */
const keyDefaults: Readonly<Record<string, unknown>> = { protocol: 'TCP' }

const anything: Schema = { type: 'any', name: '' }

/** True where a value is owned and replaced as a whole. */
export const isAtomic = (schema: Schema, field?: FieldSchema): boolean => {
  switch (schema.type) {
    case 'object':
      return (field?.mapType ?? schema.mapType) === 'atomic'
    case 'map':
      return schema.mapType === 'atomic'
    case 'array':
      return schema.listType !== 'map' && schema.listType !== 'set'
    case 'scalar':
    case 'any':
      return true
  }
}

/** `k:{"name":"a"}` or `v:"x"`. */
export const elementName = (schema: ArraySchema, item: unknown): string => {
  if (schema.listType === 'set' || !isJsonObject(item)) return `v:${JSON.stringify(item)}`
  const keys: JsonObject = {}
  for (const key of [...schema.listMapKeys].sort()) {
    const value = getField(item, key) ?? getField(keyDefaults, key)
    if (value !== undefined) keys[key] = value
  }
  return `k:${JSON.stringify(keys)}`
}

/** The members of a merging value; none where the value has another shape than the schema. */
export const membersOf = (schema: Schema, value: unknown): readonly Member[] => {
  if (schema.type === 'array') {
    if (!Array.isArray(value)) return []
    return value.map((item: unknown) => ({
      element: elementName(schema, item),
      value: item,
      schema: schema.items,
      declared: false,
      atomic: schema.listType === 'set' || isAtomic(schema.items),
    }))
  }
  if (!isJsonObject(value) || (schema.type !== 'object' && schema.type !== 'map')) return []
  return Object.entries(value).flatMap(([name, member]): Member[] => {
    if (member === undefined) return []
    const field = schema.type === 'object' ? schema.fields.get(name) : undefined
    const inner = schema.type === 'map' ? schema.values : (field?.schema ?? anything)
    return [
      {
        element: `f:${name}`,
        value: member,
        schema: inner,
        declared: field !== undefined,
        atomic: isAtomic(inner, field),
      },
    ]
  })
}

/** True for a value that merges member by member: the right shape, and not atomic. */
export const isGranular = ({ schema, value, atomic }: Pick<Member, 'schema' | 'value' | 'atomic'>): boolean => {
  if (atomic) return false
  return schema.type === 'array' ? Array.isArray(value) : isJsonObject(value)
}
