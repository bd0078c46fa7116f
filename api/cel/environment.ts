/** What expressions may name: variables, functions, types with fields. */
import type { FunctionTable } from './functions.ts'
import type { Type } from './types.ts'

export interface StructType {
  /** By field; undefined is a field that does not exist. */
  readonly field: (name: string) => Type | undefined
}

/** The type of a value, and the types with fields that are in it. */
export interface SchemaTypes {
  readonly type: Type
  readonly types: (name: string) => StructType | undefined
}

export interface Environment {
  /** Types of variables by name; a name may have dots. */
  readonly variables: ReadonlyMap<string, Type>
  readonly functions: FunctionTable
  /** Types that have fields, by name. */
  readonly types: (name: string) => StructType | undefined
  /** Names are also looked up in this namespace and those around it. */
  readonly container: string
  /** Whether the elements of a literal list or map must be of one type, as Kubernetes wants it. */
  readonly homogeneousLiterals: boolean
}

/** A name as it may be meant in the container: the longest first. A leading dot means no container. */
export const candidates = (container: string, name: string): readonly string[] => {
  if (name.startsWith('.')) return [name.slice(1)]
  const names: string[] = []
  for (let prefix = container; prefix !== ''; prefix = prefix.slice(0, Math.max(prefix.lastIndexOf('.'), 0)))
    names.push(`${prefix}.${name}`)
  return [...names, name]
}
