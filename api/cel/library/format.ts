/** `"%s".format([…])`: the clauses of cel-go's ext/formatting.go. */
import {
  CelCostError,
  CelError,
  CelMap,
  Duration,
  isList,
  Timestamp,
  TypeValue,
  typeNameOf,
  Uint,
  type Value,
} from '../values.ts'
import { plainDouble } from './numbers.ts'
import { formatDuration, formatTimestamp } from './time.ts'

const clause = /%(?:\.(\d+))?([a-zA-Z%])?/g

/** Nothing in a request is as long. */
const maxLength = 20_000_000

export const format = (template: string, args: readonly Value[]): string => {
  let next = 0
  let length = 0
  return template.replace(clause, (all, precision: string | undefined, verb: string | undefined) => {
    if (verb === '%' && precision === undefined) return '%'
    if (verb === undefined) throw new CelError(`could not parse formatting clause: ${all}`)
    const write = Object.hasOwn(verbs, verb) ? verbs[verb] : undefined
    if (write === undefined)
      throw new CelError(`could not parse formatting clause: unrecognized formatting clause "${verb}"`)
    const arg = args[next++]
    if (arg === undefined) throw new CelError(`index ${next - 1} out of range`)
    const written = write(arg, precision === undefined ? 6 : Number(precision))
    if ((length += written.length) > maxLength) throw new CelCostError('operation interrupted')
    return written
  })
}

const misfit = (wanted: string, value: Value): CelError =>
  new CelError(
    `error during formatting: ${wanted} can only be used on the types it is for, was given ${typeNameOf(value)}`,
  )

/** `%s`: any value; lists and maps in CEL's notation. */
const text = (value: Value): string => {
  if (value === null) return 'null'
  if (typeof value === 'string') return value
  if (typeof value === 'number') return special(value) ?? plainDouble(value)
  if (typeof value === 'bigint' || typeof value === 'boolean') return String(value)
  if (value instanceof Uint) return String(value.value)
  if (value instanceof Uint8Array) return new TextDecoder().decode(value)
  if (value instanceof Duration) return formatDuration(value)
  if (value instanceof Timestamp) return formatTimestamp(value)
  if (value instanceof TypeValue) return value.name
  if (isList(value)) return `[${value.map(text).join(', ')}]`
  if (value instanceof CelMap) {
    const pairs = Array.from(value.keys(), (key) => [text(key), text(value.get(key) ?? null)] as const)
    const sorted = pairs.toSorted(([a], [b]) => (a < b ? -1 : 1))
    return `{${sorted.map(([key, item]) => `${key}: ${item}`).join(', ')}}`
  }
  throw misfit('string clause', value)
}

const special = (value: number): string | undefined =>
  Number.isNaN(value) ? 'NaN' : Number.isFinite(value) ? undefined : value > 0 ? 'Infinity' : '-Infinity'

const whole = (value: Value): bigint | undefined =>
  typeof value === 'bigint' ? value : value instanceof Uint ? value.value : undefined

const decimal = (value: Value): string => {
  const integer = whole(value)
  if (integer !== undefined) return String(integer)
  const word = typeof value === 'number' ? special(value) : undefined
  if (word !== undefined) return word
  throw misfit('decimal clause', value)
}

const real = (value: Value): number => {
  if (typeof value === 'number') return value
  const integer = whole(value)
  if (integer !== undefined) return Number(integer)
  throw misfit('fixed-point clause', value)
}

const fixed = (value: Value, precision: number): string => {
  const number = real(value)
  return special(number) ?? toFixedEven(number, Math.min(precision, maxPrecision))
}

/** As far as toFixed goes; its answer is exact. */
const maxPrecision = 100
/** What lies in the middle goes to the even neighbour, as in Go; toFixed goes up. */
const toFixedEven = (number: number, precision: number): string => {
  const rounded = number.toFixed(precision)
  const exact = number.toFixed(maxPrecision)
  const cut = exact.slice(0, exact.length - maxPrecision + precision)
  const tie = /^50*$/.test(exact.slice(exact.length - maxPrecision + precision))
  return tie && /[02468]$/.test(cut.replace(/\.$/, '')) ? cut.replace(/\.$/, '') : rounded
}

const scientific = (value: Value, precision: number): string => {
  const number = real(value)
  const word = special(number)
  if (word !== undefined) return word
  const [mantissa, exponent = '+0'] = number.toExponential(Math.min(precision, maxPrecision)).split('e')
  return `${mantissa}e${exponent.slice(0, 1)}${exponent.slice(1).padStart(2, '0')}`
}

const radix = (value: Value, base: number, clauseName: string): string => {
  if (typeof value === 'boolean' && base === 2) return value ? '1' : '0'
  const integer = whole(value)
  if (integer === undefined) throw misfit(clauseName, value)
  return integer.toString(base)
}

const hexadecimal = (value: Value): string => {
  if (typeof value === 'string') return Buffer.from(value).toString('hex')
  return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : radix(value, 16, 'hex clause')
}

const verbs: Readonly<Record<string, (value: Value, precision: number) => string>> = {
  s: text,
  d: decimal,
  f: fixed,
  e: scientific,
  b: (value) => radix(value, 2, 'binary clause'),
  o: (value) => radix(value, 8, 'octal clause'),
  x: hexadecimal,
  X: (value) => hexadecimal(value).toUpperCase(),
}
