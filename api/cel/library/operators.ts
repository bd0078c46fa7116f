/** Operators: logic, comparison, arithmetic with overflow, membership, indexing. */
import { type CallCost, func, type FunctionDeclaration, method } from '../functions.ts'
import {
  CelError,
  CelMap,
  compareNumbers,
  Duration,
  equal,
  isList,
  lengthOf,
  maxInt,
  maxUint,
  minInt,
  numeric,
  Timestamp,
  Uint,
  type Value,
} from '../values.ts'
import { timestamp } from './time.ts'

/** A tenth of a string's length, as upstream counts a walk through it. */
export const traversal = 0.1
export const sizeOf = (value: Value | undefined): number => {
  if (typeof value === 'string') return lengthOf(value)
  if (value instanceof Uint8Array) return value.length
  if (value instanceof CelMap) return value.size
  return value !== undefined && isList(value) ? value.length : 1
}
/** The cost of walking through the first argument. */
export const walk: CallCost = ([first]) => Math.ceil(sizeOf(first) * traversal)
const walkBoth: CallCost = ([a, b]) => Math.ceil((sizeOf(a) + sizeOf(b)) * traversal)
const walkShorter: CallCost = ([a, b]) => {
  const scalar = (value: Value | undefined): boolean => typeof value !== 'string' && !(value instanceof Uint8Array)
  if (scalar(a) || scalar(b)) return Math.max(1, Math.min(sizeOf(a), sizeOf(b)))
  return Math.ceil(Math.min(sizeOf(a), sizeOf(b)) * traversal)
}

const int = (value: bigint): bigint => {
  if (value > maxInt || value < minInt) throw new CelError('integer overflow')
  return value
}
const uint = (value: bigint): Uint => {
  if (value > maxUint || value < 0n) throw new CelError('unsigned integer overflow')
  return new Uint(value)
}
const nonZero = (value: bigint, what: string): bigint => {
  if (value === 0n) throw new CelError(what)
  return value
}
const duration = (nanos: bigint): Duration => {
  if (nanos > maxInt || nanos < minInt) throw new CelError('duration overflow')
  return new Duration(nanos)
}

/** Negative, zero or positive; NaN where the two have no order. */
const compare = (a: Value, b: Value): number => {
  const [left, right] = [numeric(a), numeric(b)]
  if (left !== undefined && right !== undefined) return compareNumbers(left, right)
  if (typeof a === 'string' && typeof b === 'string') return compareText(a, b)
  if (typeof a === 'boolean' && typeof b === 'boolean') return Number(a) - Number(b)
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b)
  if ((a instanceof Timestamp && b instanceof Timestamp) || (a instanceof Duration && b instanceof Duration))
    return a.nanos < b.nanos ? -1 : a.nanos > b.nanos ? 1 : 0
  throw new CelError('no such overload')
}

/** By code points, where JavaScript compares UTF-16 units. */
export const compareText = (a: string, b: string): number => {
  const length = Math.min(a.length, b.length)
  for (let index = 0; index < length; index++) {
    const [x, y] = [a.charCodeAt(index), b.charCodeAt(index)]
    if (x === y) continue
    const [sx, sy] = [x >= 0xd800 && x <= 0xdfff, y >= 0xd800 && y <= 0xdfff]
    return sx === sy ? x - y : sx ? 1 : -1
  }
  return a.length - b.length
}

const ordered = ['bool', 'int', 'uint', 'double', 'string', 'bytes', 'timestamp', 'duration']
const numbers = ['int', 'uint', 'double']
const comparable = [
  ...ordered.map((type) => `${type}, ${type}`),
  ...numbers.flatMap((a) => numbers.filter((b) => b !== a).map((b) => `${a}, ${b}`)),
]
const comparison = (name: string, holds: (order: number) => boolean): FunctionDeclaration[] =>
  comparable.map((params) => func(name, `${params} -> bool`, (a: Value, b: Value) => holds(compare(a, b)), walkShorter))

/** The planner evaluates these itself; here they have only their types. */
const syntax = (name: string, ...signatures: readonly string[]): FunctionDeclaration[] =>
  signatures.map((signature) =>
    func(name, signature, () => {
      throw new Error(`${name} is evaluated by the planner`)
    }),
  )

const logic: readonly FunctionDeclaration[] = [
  ...syntax('_&&_', 'bool, bool -> bool'),
  ...syntax('_||_', 'bool, bool -> bool'),
  ...syntax('_?_:_', 'bool, A, A -> A'),
  ...syntax('@not_strictly_false', 'bool -> bool'),
  ...syntax(
    '_[_]',
    'list(A), int -> A',
    'map(A, B), A -> B',
    'optional(list(A)), int -> optional(A)',
    'optional(map(A, B)), A -> optional(B)',
  ),
  ...syntax(
    '_[?_]',
    'list(A), int -> optional(A)',
    'optional(list(A)), int -> optional(A)',
    'map(A, B), A -> optional(B)',
    'optional(map(A, B)), A -> optional(B)',
  ),
  func('!_', 'bool -> bool', (value: boolean) => !value),
  func('_==_', 'A, A -> bool', equal, walkShorter),
  func('_!=_', 'A, A -> bool', (a: Value, b: Value) => !equal(a, b), walkShorter),
  ...comparison('_<_', (order) => order < 0),
  ...comparison('_<=_', (order) => order <= 0),
  ...comparison('_>_', (order) => order > 0),
  ...comparison('_>=_', (order) => order >= 0),
  func(
    '@in',
    'A, list(A) -> bool',
    (value: Value, list: readonly Value[]) => list.some((item) => equal(item, value)),
    (args) => sizeOf(args[1]),
  ),
  func('@in', 'A, map(A, B) -> bool', (key: Value, map: CelMap) => map.get(key) !== undefined),
]

const arithmetic: readonly FunctionDeclaration[] = [
  func('_+_', 'int, int -> int', (a: bigint, b: bigint) => int(a + b)),
  func('_+_', 'uint, uint -> uint', (a: Uint, b: Uint) => uint(a.value + b.value)),
  func('_+_', 'double, double -> double', (a: number, b: number) => a + b),
  func('_+_', 'string, string -> string', (a: string, b: string) => a + b, walkBoth),
  func('_+_', 'bytes, bytes -> bytes', (a: Uint8Array, b: Uint8Array) => Buffer.concat([a, b]), walkBoth),
  func('_+_', 'list(A), list(A) -> list(A)', (a: readonly Value[], b: readonly Value[]) => [...a, ...b]),
  func('_+_', 'duration, duration -> duration', (a: Duration, b: Duration) => duration(a.nanos + b.nanos)),
  func('_+_', 'timestamp, duration -> timestamp', (a: Timestamp, b: Duration) => timestamp(a.nanos + b.nanos)),
  func('_+_', 'duration, timestamp -> timestamp', (a: Duration, b: Timestamp) => timestamp(a.nanos + b.nanos)),
  func('_-_', 'int, int -> int', (a: bigint, b: bigint) => int(a - b)),
  func('_-_', 'uint, uint -> uint', (a: Uint, b: Uint) => uint(a.value - b.value)),
  func('_-_', 'double, double -> double', (a: number, b: number) => a - b),
  func('_-_', 'duration, duration -> duration', (a: Duration, b: Duration) => duration(a.nanos - b.nanos)),
  func('_-_', 'timestamp, timestamp -> duration', (a: Timestamp, b: Timestamp) => duration(a.nanos - b.nanos)),
  func('_-_', 'timestamp, duration -> timestamp', (a: Timestamp, b: Duration) => timestamp(a.nanos - b.nanos)),
  func('_*_', 'int, int -> int', (a: bigint, b: bigint) => int(a * b)),
  func('_*_', 'uint, uint -> uint', (a: Uint, b: Uint) => uint(a.value * b.value)),
  func('_*_', 'double, double -> double', (a: number, b: number) => a * b),
  func('_/_', 'int, int -> int', (a: bigint, b: bigint) => int(a / nonZero(b, 'division by zero'))),
  func('_/_', 'uint, uint -> uint', (a: Uint, b: Uint) => uint(a.value / nonZero(b.value, 'division by zero'))),
  func('_/_', 'double, double -> double', (a: number, b: number) => a / b),
  func('_%_', 'int, int -> int', (a: bigint, b: bigint) => int(a % nonZero(b, 'modulus by zero'))),
  func('_%_', 'uint, uint -> uint', (a: Uint, b: Uint) => uint(a.value % nonZero(b.value, 'modulus by zero'))),
  func('-_', 'int -> int', (a: bigint) => int(-a)),
  func('-_', 'double -> double', (a: number) => -a),
  func('-_', 'duration -> duration', (a: Duration) => duration(-a.nanos)),
]

const size = (type: string): FunctionDeclaration[] => {
  const count = (value: Value): bigint => BigInt(sizeOf(value))
  return [func('size', `${type} -> int`, count), method('size', `${type} -> int`, count)]
}

export const operatorFunctions: readonly FunctionDeclaration[] = [
  ...logic,
  ...arithmetic,
  ...['string', 'bytes', 'list(A)', 'map(A, B)'].flatMap(size),
]
