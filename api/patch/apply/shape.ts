/**
 * The shape of a value: all that decides which fields it has, and nothing else. Names and keys, what list elements are
 * called, and whether a value is zero, which Go leaves out; not what strings and numbers say. Two objects of one shape
 * own the same fields, as the Pods of one workload do.
 */
import type { Schema } from '../../schema/schema.ts'
import { elementName, isAtomic, isJsonObject } from './typed-value.ts'

const isEmpty = (value: object): boolean => {
  for (const _name in value) return false
  return true
}

/** One character for what is a field without parts. */
const ofLeaf = (value: unknown): string => {
  if (value === undefined) return 'u'
  if (value === null) return 'n'
  if (typeof value === 'object') return isEmpty(value) ? 'e' : 'o'
  return value === '' || value === 0 || value === false ? 'z' : 'v'
}

/** Equal for two values of one schema only if they have the same fields. No key can forge a name. */
export const shapeOf = (schema: Schema, value: unknown): string => {
  if (schema.type === 'array' && Array.isArray(value)) {
    let text = '['
    for (const item of value as readonly unknown[]) {
      text += elementName(schema, item)
      text += schema.listType === 'set' || isAtomic(schema.items) ? ofLeaf(item) : shapeOf(schema.items, item)
    }
    return `${text}]`
  }
  if (!isJsonObject(value) || (schema.type !== 'object' && schema.type !== 'map')) return ofLeaf(value)
  let text = '{'
  for (const name in value) {
    const member = value[name]
    const field = schema.type === 'object' ? schema.fields.get(name) : undefined
    const inner = schema.type === 'map' ? schema.values : field?.schema
    text += field === undefined ? JSON.stringify(name) : `,${name}`
    text += inner === undefined || isAtomic(inner, field) ? ofLeaf(member) : shapeOf(inner, member)
  }
  return `${text}}`
}
