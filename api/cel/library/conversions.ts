/** Conversions between types, and `type` and `dyn`. */
import { func, type FunctionDeclaration } from '../functions.ts'
import {
  CelError,
  CelMap,
  isList,
  maxInt,
  maxUint,
  minInt,
  TypeValue,
  typeNameOf,
  Uint,
  type Value,
} from '../values.ts'
import { formatDouble, toBigInt } from './numbers.ts'
import { walk } from './operators.ts'

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

const inRange = (value: bigint | undefined, min: bigint, max: bigint, what: string): bigint => {
  if (value === undefined || value < min || value > max) throw new CelError(what)
  return value
}
/** Of the greatest uint. */
const maxDigits = 20
const int = (value: bigint | undefined): bigint => inRange(value, minInt, maxInt, 'integer overflow')
const uint = (value: bigint | undefined): Uint => new Uint(inRange(value, 0n, maxUint, 'unsigned integer overflow'))

const parsed = (text: string, pattern: RegExp, type: string): bigint => {
  if (!pattern.test(text)) throw new CelError(`type conversion error from 'string' to '${type}'`)
  const [, sign = '', digits = ''] = /^([+-]?)0*(\d*)$/.exec(text) ?? []
  // A bigint of a million digits takes long to make, and is no int.
  if (digits.length > maxDigits) return maxUint + 1n
  return BigInt(`${sign === '-' ? '-' : ''}${digits || '0'}`)
}

/** What Go's strconv.ParseFloat takes. */
const doublePattern = /^[+-]?(?:\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?|inf|infinity|nan)$/i
const parseDouble = (text: string): number => {
  if (!doublePattern.test(text)) throw new CelError(`type conversion error from 'string' to 'double'`)
  const bare = text.replace(/^[+-]/, '').toLowerCase()
  if (bare.startsWith('inf')) return text.startsWith('-') ? -Infinity : Infinity
  return bare === 'nan' ? NaN : Number(text)
}

/** What Go's strconv.ParseBool takes. */
const parseBool = (text: string): boolean => {
  if (['1', 't', 'T', 'true', 'TRUE', 'True'].includes(text)) return true
  if (['0', 'f', 'F', 'false', 'FALSE', 'False'].includes(text)) return false
  throw new CelError(`type conversion error from 'string' to 'bool'`)
}

const decode = (value: Uint8Array): string => {
  try {
    return utf8.decode(value)
  } catch {
    throw new CelError('invalid UTF-8 in bytes, cannot convert to string')
  }
}

const typeOfValue = (value: Value): TypeValue =>
  new TypeValue(value instanceof CelMap ? 'map' : value !== null && isList(value) ? 'list' : typeNameOf(value))

export const conversionFunctions: readonly FunctionDeclaration[] = [
  func('type', 'A -> type(A)', typeOfValue),
  func('dyn', 'A -> dyn', (value: Value) => value),
  func('bool', 'bool -> bool', (value: boolean) => value),
  func('bool', 'string -> bool', parseBool),
  func('int', 'int -> int', (value: bigint) => value),
  func('int', 'uint -> int', ({ value }: Uint) => int(value)),
  func('int', 'double -> int', (value: number) => {
    // The ends of the range are no exact doubles: upstream refuses both.
    if (value <= Number(minInt) || value >= Number(maxInt)) throw new CelError('integer overflow')
    return int(toBigInt(value, minInt, maxInt))
  }),
  func('int', 'string -> int', (text: string) => int(parsed(text, /^[+-]?\d+$/, 'int'))),
  func('uint', 'uint -> uint', (value: Uint) => value),
  func('uint', 'int -> uint', uint),
  func('uint', 'double -> uint', (value: number) => {
    if (value < 0 || value >= Number(maxUint)) throw new CelError('unsigned integer overflow')
    return uint(toBigInt(value, 0n, maxUint))
  }),
  func('uint', 'string -> uint', (text: string) => uint(parsed(text, /^\d+$/, 'uint'))),
  func('double', 'double -> double', (value: number) => value),
  func('double', 'int -> double', Number),
  func('double', 'uint -> double', ({ value }: Uint) => Number(value)),
  func('double', 'string -> double', parseDouble),
  func('string', 'string -> string', (value: string) => value),
  func('string', 'bool -> string', String),
  func('string', 'int -> string', String),
  func('string', 'uint -> string', ({ value }: Uint) => String(value)),
  func('string', 'double -> string', formatDouble),
  func('string', 'bytes -> string', decode, walk),
  func('bytes', 'bytes -> bytes', (value: Uint8Array) => value),
  func('bytes', 'string -> bytes', (value: string) => Buffer.from(value), walk),
]
