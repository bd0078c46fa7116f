/** Defaults of a schema, wherever a value lacks them. Upstream: apiserver/schema/defaulting */
import { clone } from '../../meta/clone.ts'
import { isObject, partOf, type Structural } from './structural.ts'

/**
 * Fills in place, and tells whether anything changed. A null where null is not allowed gives way to the default; without
 * one it goes.
 */
export const applyDefaults = (schema: Structural, value: unknown): boolean => {
  let changed = false
  if (Array.isArray(value)) {
    if (schema.items !== undefined) for (const item of value) changed = applyDefaults(schema.items, item) || changed
    return changed
  }
  if (!isObject(value)) return false
  for (const [name, part] of schema.properties) {
    const held = value[name]
    const unwanted = held === null && !part.nullable
    if (part.default !== undefined && (held === undefined || unwanted)) {
      value[name] = clone(part.default)
      changed = true
    } else if (unwanted && part.default === undefined && part.type !== '') {
      delete value[name]
      changed = true
    }
  }
  for (const [name, held] of Object.entries(value)) {
    const part = partOf(schema, name)
    if (part !== undefined) changed = applyDefaults(part, held) || changed
  }
  return changed
}
