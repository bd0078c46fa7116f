/** Does an applied configuration fit its schema? Upstream: the validation of typed values. */
import { jsonKind } from '../../codec/decode-context.ts'
import type { Schema, ScalarType } from '../../schema/schema.ts'
import { elementName, isJsonObject } from './typed-value.ts'

const scalarNames: Readonly<Partial<Record<ScalarType, string>>> = {
  boolean: 'boolean',
  int32: 'numeric (int or float)',
  int64: 'numeric (int or float)',
  double: 'numeric (int or float)',
}

const fits = (scalar: ScalarType, value: unknown): boolean => {
  if (scalar === 'boolean') return typeof value === 'boolean'
  if (scalar === 'int32' || scalar === 'int64' || scalar === 'double') {
    return typeof value === 'number' || typeof value === 'bigint'
  }
  if (scalar === 'quantity' || scalar === 'intOrString') return typeof value === 'string' || typeof value === 'number'
  return typeof value === 'string'
}

/** Problems with their paths: `.spec.foo: field not declared in schema`. */
export const checkTyped = (schema: Schema, value: unknown, path = ''): readonly string[] => {
  if (value === null) return []
  const at = path === '' ? '' : `${path}: `
  switch (schema.type) {
    case 'any':
      return []
    case 'scalar':
      return fits(schema.scalar, value)
        ? []
        : [`${at}expected ${scalarNames[schema.scalar] ?? 'string'}, got ${jsonKind(value)}`]
    case 'array': {
      if (!Array.isArray(value)) return [`${at}expected list, got ${jsonKind(value)}`]
      return [
        ...value.flatMap((item, index) => checkTyped(schema.items, item, `${path}[${index}]`)),
        ...(schema.listType === 'map' ? duplicateKeys(schema, value, path) : []),
      ]
    }
    case 'map':
      if (!isJsonObject(value)) return [`${at}expected map, got ${jsonKind(value)}`]
      return Object.entries(value).flatMap(([name, member]) => checkTyped(schema.values, member, `${path}.${name}`))
    case 'object':
      if (!isJsonObject(value)) return [`${at}expected map, got ${jsonKind(value)}`]
      return Object.entries(value).flatMap(([name, member]) => {
        const field = schema.fields.get(name)
        if (field !== undefined) return checkTyped(field.schema, member, `${path}.${name}`)
        return schema.preserveUnknown ? [] : [`${path}.${name}: field not declared in schema`]
      })
  }
}

const duplicateKeys = (
  schema: Schema & { type: 'array' },
  list: readonly unknown[],
  path: string,
): readonly string[] => {
  const seen = new Set<string>()
  return list.flatMap((item) => {
    const name = elementName(schema, item)
    if (!seen.has(name)) {
      seen.add(name)
      return []
    }
    const keys = Object.entries(JSON.parse(name.slice(2)) as object)
      .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
      .join(',')
    return [`${path}: duplicate entries for key [${keys}]`]
  })
}
