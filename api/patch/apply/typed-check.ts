/** Does an applied configuration fit its schema? Upstream: the validation of typed values, whose messages are Go's. */
import type { ArraySchema, Schema, ScalarType } from '../../schema/schema.ts'
import { goFormat } from '../patch-error.ts'
import { formatElement } from './field-set.ts'
import { elementName, isJsonObject } from './typed-value.ts'

/** `%T` */
const goType = (value: unknown): string => {
  if (typeof value === 'string') return 'string'
  if (typeof value === 'boolean') return 'bool'
  return Array.isArray(value) ? '[]interface {}' : 'map[string]interface {}'
}

/** `%#v` */
const goSyntax = (value: unknown): string => {
  if (Array.isArray(value)) return `[]interface {}{${value.map(goSyntax).join(', ')}}`
  if (!isJsonObject(value)) return typeof value === 'string' ? JSON.stringify(value) : String(value)
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return `map[string]interface {}{${members.map(([name, member]) => `${JSON.stringify(name)}:${goSyntax(member)}`).join(', ')}}`
}

const isNumber = (value: unknown): boolean => typeof value === 'number' || typeof value === 'bigint'

/** What is wrong with a scalar; undefined if nothing is. */
const scalarProblem = (scalar: ScalarType, value: unknown): string | undefined => {
  switch (scalar) {
    case 'boolean':
      return typeof value === 'boolean' ? undefined : `expected boolean, got &{${goFormat(value)}}`
    case 'int32':
    case 'int64':
    case 'double':
      return isNumber(value) ? undefined : `expected numeric (int or float), got ${goType(value)}`
    case 'quantity':
    case 'intOrString':
    case 'time':
    case 'microTime':
      return typeof value === 'object' ? `expected any scalar, got &{${goFormat(value)}}` : undefined
    case 'string':
    case 'bytes':
      return typeof value === 'string'
        ? undefined
        : `expected string, got &value.valueUnstructured{Value:${goSyntax(value)}}`
  }
}

/** Problems with their paths: `.spec.foo: field not declared in schema`. */
export const checkTyped = (schema: Schema, value: unknown, path = ''): readonly string[] => {
  if (value === null) return []
  const at = (problem: string): readonly string[] => [path === '' ? problem : `${path}: ${problem}`]
  switch (schema.type) {
    case 'any':
      return []
    case 'scalar': {
      const problem = scalarProblem(schema.scalar, value)
      return problem === undefined ? [] : at(problem)
    }
    case 'array':
      return Array.isArray(value) ? checkList(schema, value, path) : at(`expected list, got &{${goFormat(value)}}`)
    case 'map':
      if (!isJsonObject(value)) return at(`expected map, got &{${goFormat(value)}}`)
      return Object.entries(value).flatMap(([name, member]) => checkTyped(schema.values, member, `${path}.${name}`))
    case 'object':
      if (!isJsonObject(value)) return at(`expected map, got &{${goFormat(value)}}`)
      return Object.entries(value).flatMap(([name, member]) => {
        const field = schema.fields.get(name)
        if (field !== undefined) return checkTyped(field.schema, member, `${path}.${name}`)
        return schema.preserveUnknown ? [] : [`${path}.${name}: field not declared in schema`]
      })
  }
}

/** Why an element has no name in its list; such a list is not looked at further. */
const unnamable = ({ listType }: ArraySchema, item: unknown): string | undefined => {
  if (listType === 'map') {
    if (item === null) return 'associative list with keys may not have a null element'
    return isJsonObject(item) ? undefined : 'associative list with keys may not have non-map elements'
  }
  if (item === null) return "associative list without keys has an element that's an explicit null"
  if (Array.isArray(item)) return 'not supported: associative list with lists as elements'
  return isJsonObject(item) ? "associative list without keys has an element that's a map type" : undefined
}

const checkList = (schema: ArraySchema, list: readonly unknown[], path: string): readonly string[] => {
  const at = path === '' ? '' : `${path}: `
  const isAssociative = schema.listType === 'map' || schema.listType === 'set'
  const seen = new Set<string>()
  const problems: string[] = []
  for (const [index, item] of list.entries()) {
    let place = `[${index}]`
    if (isAssociative) {
      const problem = unnamable(schema, item)
      if (problem !== undefined) return [...problems, `${at}element ${index}: ${problem}`]
      const name = elementName(schema, item)
      place = formatElement(name)
      if (seen.has(name)) problems.push(`${at}duplicate entries for key ${place}`)
      seen.add(name)
    }
    problems.push(...checkTyped(schema.items, item, `${path}${place}`))
  }
  return problems
}
