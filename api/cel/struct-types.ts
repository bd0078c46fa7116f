/** Types with fields, from a compact text: what expressions may read of requests, namespaces and devices. */
import type { StructType } from './environment.ts'
import { parseType } from './functions.ts'
import type { Type } from './types.ts'

/** Fields by name, as `parseType` reads their types. */
export type Fields = Readonly<Record<string, string>>

export const structType = (fields: Fields): StructType => {
  const types = new Map(Object.entries(fields).map(([name, text]) => [name, parseType(text)]))
  return { field: (name) => types.get(name) }
}

/** A type that has every field, all of them of one type. */
export const openType = (fieldType: (name: string) => Type): StructType => ({ field: fieldType })

/** Looks a type up in these, by name. */
export const structTypes = (types: Readonly<Record<string, Fields>>): ((name: string) => StructType | undefined) => {
  const known = new Map(Object.entries(types).map(([name, fields]) => [name, structType(fields)]))
  return (name) => known.get(name)
}
