/** Optional values, sets, and Kubernetes' functions of lists. Upstream: cel-go's ext, apiserver/pkg/cel/library/lists.go */
import { func, type FunctionDeclaration, method } from '../functions.ts'
import { CelError, CelMap, Duration, equal, isList, LiteralMap, Optional, Uint, type Value } from '../values.ts'
import { operatorFunctions, sizeOf } from './operators.ts'

const none = (value: Value): boolean =>
  value === null ||
  value === false ||
  value === '' ||
  value === 0 ||
  value === 0n ||
  (value instanceof Uint && value.value === 0n) ||
  (value instanceof Uint8Array && value.length === 0) ||
  (value instanceof Duration && value.nanos === 0n) ||
  (value instanceof CelMap && value.size === 0) ||
  (isList(value) && value.length === 0)

const unwrap = ({ value }: Optional): Value => {
  if (value === undefined) throw new CelError('optional.none() dereference')
  return value
}

export const optionalFunctions: readonly FunctionDeclaration[] = [
  func('optional.of', 'A -> optional(A)', (value: Value) => Optional.of(value)),
  func('optional.ofNonZeroValue', 'A -> optional(A)', (value: Value) =>
    none(value) ? Optional.none : Optional.of(value),
  ),
  func('optional.none', '-> optional(A)', () => Optional.none),
  method('value', 'optional(A) -> A', unwrap),
  method('hasValue', 'optional(A) -> bool', ({ value }: Optional) => value !== undefined),
  method('or', 'optional(A), optional(A) -> optional(A)', (first: Optional, second: Optional) =>
    first.value === undefined ? second : first,
  ),
  method('orValue', 'optional(A), A -> A', ({ value }: Optional, otherwise: Value) => value ?? otherwise),
  func('optional.unwrap', 'list(optional(A)) -> list(A)', unwrapAll),
  method('unwrapOpt', 'list(optional(A)) -> list(A)', unwrapAll),
]

function unwrapAll(list: readonly Value[]): readonly Value[] {
  return list.flatMap((item) => {
    if (!(item instanceof Optional)) throw new CelError('no such overload')
    return item.value === undefined ? [] : [item.value]
  })
}

const includes = (list: readonly Value[], value: Value): boolean => list.some((item) => equal(item, value))
const contains = (all: readonly Value[], some: readonly Value[]): boolean => some.every((value) => includes(all, value))
const product = ([a, b]: readonly Value[]): number => sizeOf(a) * sizeOf(b)

export const setFunctions: readonly FunctionDeclaration[] = [
  func('sets.contains', 'list(A), list(A) -> bool', contains, product),
  func(
    'sets.equivalent',
    'list(A), list(A) -> bool',
    (a: readonly Value[], b: readonly Value[]) => contains(a, b) && contains(b, a),
    (args) => 2 * product(args),
  ),
  func(
    'sets.intersects',
    'list(A), list(A) -> bool',
    (a: readonly Value[], b: readonly Value[]) => a.some((value) => includes(b, value)),
    product,
  ),
]

/** The operators of values that are ordered or can be added, used by functions of whole lists. */
const operator = (name: string, a: Value, b: Value): Value => {
  const found = operatorFunctions.find(
    (declaration) =>
      declaration.name === name && declaration.overload.guards.every((guard, i) => guard(i === 0 ? a : b)),
  )
  if (found === undefined) throw new CelError('no such overload')
  return found.overload.call(a, b)
}
const isSorted = (list: readonly Value[]): boolean =>
  list.every((value, index) => index === 0 || operator('_<=_', list[index - 1] ?? null, value) === true)
const extreme =
  (name: '_<_' | '_>_', what: 'min' | 'max') =>
  (list: readonly Value[]): Value => {
    const [first, ...rest] = list
    if (first === undefined) throw new CelError(`${what} called on empty list`)
    return rest.reduce((best, value) => (operator(name, value, best) === true ? value : best), first)
  }
const sum =
  (zero: Value) =>
  (list: readonly Value[]): Value =>
    list.reduce((total, value) => operator('_+_', total, value), zero)
const indexIn = (list: readonly Value[], value: Value): bigint => BigInt(list.findIndex((item) => equal(item, value)))
const lastIndexIn = (list: readonly Value[], value: Value): bigint =>
  BigInt(list.findLastIndex((item) => equal(item, value)))

const whole = ([list]: readonly Value[]): number => sizeOf(list)
const orderedTypes = ['int', 'uint', 'double', 'bool', 'string', 'bytes', 'duration', 'timestamp']
const zeros: Readonly<Record<string, Value>> = { int: 0n, uint: new Uint(0n), double: 0, duration: new Duration(0n) }

export const listFunctions: readonly FunctionDeclaration[] = [
  ...orderedTypes.flatMap((type) => [
    method('isSorted', `list(${type}) -> bool`, isSorted, whole),
    method('min', `list(${type}) -> ${type}`, extreme('_<_', 'min'), whole),
    method('max', `list(${type}) -> ${type}`, extreme('_>_', 'max'), whole),
  ]),
  ...Object.entries(zeros).map(([type, zero]) => method('sum', `list(${type}) -> ${type}`, sum(zero), whole)),
  method('indexOf', 'list(A), A -> int', indexIn, whole),
  method('lastIndexOf', 'list(A), A -> int', lastIndexIn, whole),
]

/** What the macros over two variables build maps with. */
const merged = (map: CelMap, more: Iterable<readonly [Value, Value]>): LiteralMap =>
  new LiteralMap([...pairsOf(map), ...more])
const pairsOf = (map: CelMap): (readonly [Value, Value])[] =>
  Array.from(map.keys(), (key) => [key, map.get(key) ?? null] as const)

export const foldFunctions: readonly FunctionDeclaration[] = [
  func('cel.@mapInsert', 'map(K, V), K, V -> map(K, V)', (map: CelMap, key: Value, value: Value) =>
    merged(map, [[key, value]]),
  ),
  func('cel.@mapInsert', 'map(K, V), map(K, V) -> map(K, V)', (map: CelMap, more: CelMap) =>
    merged(map, pairsOf(more)),
  ),
]
