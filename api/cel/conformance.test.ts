/** cel-spec's own conformance data, but for what needs protobuf messages. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { tests as suite } from '@bufbuild/cel-spec/testdata/conformance.js'
import type { Environment } from './environment.ts'
import { type FunctionDeclaration, functionTable } from './functions.ts'
import { standardFunctions } from './library/standard.ts'
import { compile, compileUnchecked } from './program.ts'
import { boolType, dyn, formatType, listOf, mapOf, opaqueOf, param, simple, type Simple, type Type } from './types.ts'
import { CelError, equal, LiteralMap, TypeValue, typeNameOf, Uint, type Value } from './values.ts'

type Json = Readonly<Record<string, unknown>>
interface Declaration {
  readonly name: string
  readonly ident?: { readonly type: Json }
  readonly function?: { readonly overloads: readonly { readonly params: readonly Json[]; readonly resultType: Json }[] }
}
interface TestCase {
  /** What cel-go says of the expression's type. */
  readonly type?: string
  readonly original: {
    readonly name?: string
    readonly expr: string
    readonly value?: Json
    readonly typedResult?: { readonly result?: Json; readonly deducedType?: Json }
    readonly evalError?: unknown
    readonly typeEnv?: readonly Declaration[]
    readonly bindings?: Readonly<Record<string, { readonly value: Json }>>
    readonly container?: string
    readonly disableCheck?: boolean
    readonly checkOnly?: boolean
  }
}
interface Suite {
  readonly name: string
  readonly suites?: readonly Suite[]
  readonly tests?: readonly TestCase[]
}

/** Libraries that Kubernetes does not offer. */
const otherLibraries = new Set([
  'math_ext',
  'encoders_ext',
  'block_ext',
  'enums',
  'proto2',
  'proto2_ext',
  'proto3',
  'wrappers',
  'dynamic',
])

const valueOf = (json: Json): Value => {
  const [[kind, raw] = ['nullValue', null]] = Object.entries(json)
  switch (kind) {
    case 'int64Value':
      return BigInt(String(raw))
    case 'uint64Value':
      return new Uint(BigInt(String(raw)))
    case 'doubleValue':
      return Number(raw)
    case 'bytesValue':
      return Buffer.from(String(raw), 'base64')
    case 'stringValue':
    case 'boolValue':
      return raw as string | boolean
    case 'typeValue':
      return new TypeValue(String(raw))
    case 'listValue':
      return ((raw as { values?: Json[] }).values ?? []).map(valueOf)
    case 'mapValue': {
      const { entries = [] } = raw as { entries?: { key: Json; value: Json }[] }
      return new LiteralMap(entries.map(({ key, value }) => [valueOf(key), valueOf(value)]))
    }
    default:
      return null
  }
}

const primitives: Readonly<Record<string, Simple>> = {
  BOOL: 'bool',
  INT64: 'int',
  UINT64: 'uint',
  DOUBLE: 'double',
  STRING: 'string',
  BYTES: 'bytes',
}
const typeOf = (json: Json): Type => {
  if (typeof json['primitive'] === 'string') return simple(primitives[json['primitive']] ?? 'dyn')
  if ('listType' in json) return listOf(typeOf((json['listType'] as { elemType?: Json }).elemType ?? {}))
  if ('mapType' in json) {
    const { keyType, valueType } = json['mapType'] as { keyType?: Json; valueType?: Json }
    return mapOf(typeOf(keyType ?? {}), typeOf(valueType ?? {}))
  }
  if (typeof json['typeParam'] === 'string') return param(json['typeParam'])
  if (json['wellKnown'] === 'TIMESTAMP') return simple('timestamp')
  if (json['wellKnown'] === 'DURATION') return simple('duration')
  if ('abstractType' in json) {
    const { name, parameterTypes = [] } = json['abstractType'] as { name: string; parameterTypes?: Json[] }
    return { ...opaqueOf(name), params: parameterTypes.map(typeOf) } as Type
  }
  return 'null' in json ? simple('null') : 'bool' in json ? boolType : dyn
}

const declared = ({ name, function: declaration }: Declaration): readonly FunctionDeclaration[] =>
  (declaration?.overloads ?? []).map(({ params, resultType }) => ({
    name,
    overload: {
      method: false,
      params: params.map(typeOf),
      result: typeOf(resultType),
      guards: [],
      call: () => null,
      cost: undefined,
    },
  }))

const sameValue = (actual: Value, expected: Value): boolean =>
  typeof expected === 'number' && Number.isNaN(expected)
    ? Number.isNaN(actual)
    : typeNameOf(actual) === typeNameOf(expected) && equal(actual, expected)

const shown = (value: Value): string => {
  const text = (item: unknown): unknown =>
    typeof item === 'bigint'
      ? `${item}`
      : item instanceof LiteralMap
        ? [...item.keys()].map((k) => [k, item.get(k)])
        : item
  return JSON.stringify(value, (_, item: unknown) => text(item))
}

const run = ({ original, type }: TestCase): void => {
  const { expr, value, typedResult, evalError, typeEnv = [], bindings = {}, container = '', disableCheck } = original
  const variables = new Map<string, Type>(Object.keys(bindings).map((name) => [name, dyn]))
  for (const { name, ident } of typeEnv) if (ident !== undefined) variables.set(name, typeOf(ident.type))
  const environment: Environment = {
    variables,
    functions: functionTable([...standardFunctions, ...typeEnv.flatMap(declared)]),
    types: () => undefined,
    container,
    homogeneousLiterals: false,
  }
  const checked = disableCheck === true ? undefined : compile(expr, environment)
  const { deducedType } = typedResult ?? {}
  const wanted = deducedType === undefined ? type : formatType(typeOf(deducedType))
  if (checked !== undefined && wanted !== undefined) assert.equal(formatType(checked.type), wanted)
  const program = checked ?? compileUnchecked(expr, environment)
  if (original.checkOnly === true) return
  const evaluate = () =>
    program.evaluate((name) => (bindings[name] === undefined ? undefined : valueOf(bindings[name].value)))
  if (evalError !== undefined) return assert.throws(evaluate, (error) => error instanceof CelError)
  const expected = valueOf(value ?? typedResult?.result ?? { boolValue: true })
  const actual = evaluate().value
  assert.ok(sameValue(actual, expected), `${expr}: expected ${shown(expected)}, got ${shown(actual)}`)
}

const usesMessages = ({ original }: TestCase): boolean =>
  /TestAllTypes|google\.protobuf\.(?!Timestamp|Duration)|NestedTest|objectValue|messageType/.test(
    JSON.stringify(original),
  )

const describeSuite = ({ name, suites = [], tests = [] }: Suite): void => {
  describe(name, () => {
    for (const test of tests) if (!usesMessages(test)) it(test.original.name ?? test.original.expr, () => run(test))
    for (const inner of suites) describeSuite(inner)
  })
}

describe('CEL', () => {
  for (const part of (suite as Suite).suites ?? []) if (!otherLibraries.has(part.name)) describeSuite(part)
})
