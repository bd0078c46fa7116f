/**
 * How large the values of a schema may be: what estimates of costs go by. A request ends at 3 MiB, so nothing is without
 * an end. Upstream: SchemaDeclType in apiserver/pkg/cel/common/schemas.go, limits.go
 */
import type { Range } from '../../cel/cost/range.ts'
import { escapedName } from './cel-values.ts'
import type { Structural } from './structural.ts'

export const maxRequestBytes = 3 * 1024 * 1024

export interface Sized {
  /** Characters of a string, elements of a list, keys of a map; 0 where that is no question. */
  readonly max: number
  /** The shortest that it can be in JSON. */
  readonly minBytes: number
  readonly fields?: ReadonlyMap<string, Sized>
  readonly keys?: Sized
  readonly elements?: Sized
}

const quotes = 2
const anyText: Sized = { max: 0, minBytes: quotes }
/** Longest and shortest, in JSON. */
const formats: Readonly<Record<string, Sized>> = {
  duration: { max: 32, minBytes: 3 },
  date: { max: 12, minBytes: 12 },
  'date-time': { max: 32, minBytes: 21 },
}
/** maxLength counts characters, of up to four bytes. */
const bytesPerCharacter = 4

const limit = (schema: Structural, name: 'maxLength' | 'maxItems' | 'maxProperties'): number | undefined => {
  const value = (schema.schema as Readonly<Record<string, unknown>>)[name]
  return typeof value === 'number' ? Math.max(value, 0) : undefined
}

const sizeOfText = (schema: Structural): Sized => {
  const { format = '', enum: choices } = schema.schema as { format?: string; enum?: readonly unknown[] }
  const formatted = Object.hasOwn(formats, format) ? formats[format] : undefined
  if (formatted !== undefined) return formatted
  const maxLength = limit(schema, 'maxLength')
  if (maxLength !== undefined)
    return { max: format === 'byte' ? maxLength : maxLength * bytesPerCharacter, minBytes: quotes }
  const lengths =
    format === 'byte'
      ? []
      : (choices ?? []).map((choice) => (typeof choice === 'string' ? Buffer.byteLength(choice) : 0))
  return { max: lengths.length > 0 ? Math.max(...lengths) : maxRequestBytes - quotes, minBytes: quotes }
}

const sizeOfFields = (schema: Structural, isResource: boolean): Sized => {
  const fields = new Map<string, Sized>()
  const required = (schema.schema as { required?: readonly string[] }).required ?? []
  let minBytes = 2
  for (const [name, part] of schema.properties) {
    const size = sizesOf(part, part.embedded)
    const escaped = escapedName(name)
    if (size === undefined) continue
    if (escaped !== undefined) fields.set(escaped, size)
    if (required.includes(name) && part.default === undefined) minBytes += name.length + size.minBytes + 4
  }
  if (isResource) {
    const names = new Map([
      ['name', anyLongText],
      ['generateName', anyLongText],
    ])
    fields
      .set('kind', anyLongText)
      .set('apiVersion', anyLongText)
      .set('metadata', { max: 0, minBytes: 2, fields: names })
  }
  return { max: 0, minBytes, fields }
}

const anyLongText: Sized = { max: maxRequestBytes - quotes, minBytes: quotes }

/** Undefined for what expressions do not see. `isResource`: with kind, apiVersion and metadata. */
export const sizesOf = (schema: Structural, isResource: boolean): Sized | undefined => {
  if (schema.intOrString) {
    const maxLength = limit(schema, 'maxLength')
    return { max: maxLength === undefined ? maxRequestBytes - quotes : maxLength * bytesPerCharacter, minBytes: 1 }
  }
  switch (schema.type) {
    case 'array': {
      const elements = schema.items === undefined ? undefined : sizesOf(schema.items, schema.items.embedded)
      if (elements === undefined) return undefined
      const most = Math.floor((maxRequestBytes - 2) / (elements.minBytes + 1))
      return { max: limit(schema, 'maxItems') ?? most, minBytes: 2, elements }
    }
    case 'object': {
      if (typeof schema.additional !== 'object') return sizeOfFields(schema, isResource)
      const elements = sizesOf(schema.additional, schema.additional.embedded)
      if (elements === undefined) return undefined
      const most = Math.floor((maxRequestBytes - 2) / (elements.minBytes + 6))
      return { max: limit(schema, 'maxProperties') ?? most, minBytes: 2, keys: anyText, elements }
    }
    case 'string':
      return sizeOfText(schema)
    case 'boolean':
      return { max: 0, minBytes: 4 }
    case 'number':
    case 'integer':
      return { max: 0, minBytes: 1 }
    default:
      return undefined
  }
}

/** The size of what is at a path, whose first part is the variable: `self` and `oldSelf` are alike. */
export const sizeAtPath = (root: Sized, path: readonly string[]): Range | undefined => {
  let size: Sized | undefined = root
  for (const part of path.slice(1)) {
    if (part === '@items' || part === '@values') size = size.elements
    else if (part === '@keys') size = size.keys
    else size = size.fields?.get(part)
    if (size === undefined) return undefined
  }
  return { min: 0, max: size.max }
}
