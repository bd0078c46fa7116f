/** How functions are declared: a signature in text, an implementation, and what a call costs. */
import { CelMap, Duration, isList, Opaque, Optional, Timestamp, TypeValue, Uint, type Value } from './values.ts'
import { dyn, listOf, mapOf, objectOf, opaqueOf, optionalOf, param, simple, type Simple, type Type } from './types.ts'

/** What a call costs beside its arguments, in upstream's units: a plain step is 1. */
export type CallCost = (args: readonly Value[], result: Value) => number

export type Implementation = (...args: never[]) => Value

export interface Overload {
  readonly method: boolean
  readonly params: readonly Type[]
  readonly result: Type
  readonly guards: readonly Guard[]
  readonly call: (...args: Value[]) => Value
  readonly cost: CallCost | undefined
}

/** Whether a value may be given to an overload. */
type Guard = (value: Value) => boolean

export interface FunctionDeclaration {
  readonly name: string
  readonly overload: Overload
}

const simpleNames = new Set<string>([
  'bool',
  'int',
  'uint',
  'double',
  'string',
  'bytes',
  'timestamp',
  'duration',
  'null',
  'dyn',
])

/** `list(A)`, `map(string, int)`, `optional(A)`, `kubernetes.Quantity`; a single capital is a type parameter. */
export const parseType = (text: string): Type => {
  const trimmed = text.trim()
  const inner = /^([\w.]+)\((.*)\)$/.exec(trimmed)
  if (inner !== null) {
    const params = splitTypes(inner[2] ?? '').map(parseType)
    const [first = dyn, second = dyn] = params
    if (inner[1] === 'list') return listOf(first)
    if (inner[1] === 'map') return mapOf(first, second)
    if (inner[1] === 'optional') return optionalOf(first)
    if (inner[1] === 'type') return { kind: 'type', of: first }
    if (inner[1] === 'object') return objectOf(splitTypes(inner[2] ?? '')[0] ?? '')
    throw new Error(`no type takes parameters by the name ${inner[1]}`)
  }
  if (simpleNames.has(trimmed)) return simple(trimmed as Simple)
  if (trimmed === 'type') return { kind: 'type', of: undefined }
  if (/^[A-Z]$/.test(trimmed)) return param(trimmed)
  return opaqueOf(trimmed)
}

const splitTypes = (text: string): string[] => {
  const parts: string[] = []
  let depth = 0
  let start = 0
  for (let index = 0; index <= text.length; index++) {
    const ch = text[index]
    if (ch === '(') depth++
    else if (ch === ')') depth--
    else if ((ch === ',' && depth === 0) || ch === undefined) {
      const part = text.slice(start, index).trim()
      if (part !== '') parts.push(part)
      start = index + 1
    }
  }
  return parts
}

const simpleGuards: Readonly<Partial<Record<Type['kind'], Guard>>> = {
  bool: (value) => typeof value === 'boolean',
  int: (value) => typeof value === 'bigint',
  uint: (value) => value instanceof Uint,
  double: (value) => typeof value === 'number',
  string: (value) => typeof value === 'string',
  bytes: (value) => value instanceof Uint8Array,
  timestamp: (value) => value instanceof Timestamp,
  duration: (value) => value instanceof Duration,
  null: (value) => value === null,
  list: isList,
  map: (value) => value instanceof CelMap,
  type: (value) => value instanceof TypeValue,
}
const anything: Guard = () => true

const guardOf = (type: Type): Guard => {
  if (type.kind !== 'opaque') return simpleGuards[type.kind] ?? anything
  const { name } = type
  if (name === 'optional_type') return (value) => value instanceof Optional
  return (value) => value instanceof Opaque && value.typeName === name
}

const declare = (
  method: boolean,
  name: string,
  signature: string,
  call: Implementation,
  cost: CallCost | undefined,
): FunctionDeclaration => {
  const [left = '', right = ''] = signature.split('->')
  const params = splitTypes(left).map(parseType)
  const guards = params.map(guardOf)
  const overload: Overload = {
    method,
    params,
    guards,
    result: parseType(right),
    // The guards see to it that the arguments are of the declared types.
    call: call as unknown as Overload['call'],
    cost,
  }
  return { name, overload }
}

/** A function: `func('size', 'string -> int', lengthOf)`. */
export const func = (name: string, signature: string, call: Implementation, cost?: CallCost): FunctionDeclaration =>
  declare(false, name, signature, call, cost)

/** A method: the first parameter is the receiver. */
export const method = (name: string, signature: string, call: Implementation, cost?: CallCost): FunctionDeclaration =>
  declare(true, name, signature, call, cost)

/** All overloads by name, in the order in which they were declared. */
export type FunctionTable = ReadonlyMap<string, readonly Overload[]>

export const functionTable = (declarations: Iterable<FunctionDeclaration>): FunctionTable => {
  const table = new Map<string, Overload[]>()
  for (const { name, overload } of declarations) {
    const overloads = table.get(name)
    if (overloads === undefined) table.set(name, [overload])
    else overloads.push(overload)
  }
  return table
}
