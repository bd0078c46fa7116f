/**
 * resource.Quantity: exact fixed-point numbers such as `1.5Gi`, `500m`, `1e3`.
 * Held as a bigint count of nanos, upstream's smallest unit, so that arithmetic never rounds.
 * Upstream: apimachinery/pkg/api/resource.
 */

export type QuantityFormat = 'DecimalSI' | 'BinarySI' | 'DecimalExponent'

/** An immutable exact amount; `format` decides how it is written. */
export interface Quantity {
  readonly nanos: bigint
  readonly format: QuantityFormat
}

const formatError = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
const suffixError = "unable to parse quantity's suffix"
const numericError = 'unable to parse numeric part of quantity'

const nanosPerUnit = 1_000_000_000n
/** Upstream caps what does not fit its fast path at 2^63-1. */
const maxNanos = (2n ** 63n - 1n) * nanosPerUnit
/** More digits than this leave upstream's int64 fast path. */
const fastPathDigits = 18
/** An exponent beyond this cannot change the result: it is rounded up to one nano, or capped. */
const maxExponent = 60

const decimalExponents = new Map([
  ['n', -9],
  ['u', -6],
  ['m', -3],
  ['', 0],
  ['k', 3],
  ['M', 6],
  ['G', 9],
  ['T', 12],
  ['P', 15],
  ['E', 18],
])
const decimalSuffixes = new Map([...decimalExponents].map(([suffix, exponent]) => [exponent, suffix]))
const binarySuffixes = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'] as const

/** No two parts can take the same character: a long text that is none is refused in one walk. */
const grammar = /^([+-]?)(\d*)(?:\.(\d*))?((?:[eEinumkKMGTP]+[-+]?\d*|[-+]\d*)?)$/

interface Suffix {
  readonly base: 2 | 10
  readonly exponent: number
  readonly format: QuantityFormat
}

const parseSuffix = (suffix: string): Suffix => {
  const decimal = decimalExponents.get(suffix)
  if (decimal !== undefined) return { base: 10, exponent: decimal, format: 'DecimalSI' }
  const binary = (binarySuffixes as readonly string[]).indexOf(suffix)
  if (binary > 0) return { base: 2, exponent: binary * 10, format: 'BinarySI' }
  if (/^[eE][+-]?\d+$/.test(suffix)) {
    const exponent = Number(suffix.slice(1))
    return {
      base: 10,
      exponent: Math.max(-maxExponent, Math.min(maxExponent, exponent)),
      format: 'DecimalExponent',
    }
  }
  throw new RangeError(suffixError)
}

/** Divides away from zero: upstream never turns a request for something into nothing. */
const divideUp = (dividend: bigint, divisor: bigint): bigint => {
  const quotient = dividend / divisor
  if (quotient * divisor === dividend) return quotient
  return dividend < 0n ? quotient - 1n : quotient + 1n
}

const parseText = (text: string): Quantity => {
  const match = grammar.exec(text)
  if (match === null || text === '') throw new RangeError(formatError)
  const [, sign, whole = '', fraction = '', suffixText = ''] = match
  const { base, exponent, format } = parseSuffix(suffixText)
  if (whole === '' && fraction === '') throw new RangeError(text === '.' ? numericError : formatError)

  const digits = BigInt(whole + fraction)
  // value = digits * 10^-fraction.length * base^exponent, in nanos.
  const tens = 9 - fraction.length + (base === 10 ? exponent : 0)
  const scaled = base === 2 ? digits << BigInt(exponent) : digits
  let nanos = tens >= 0 ? scaled * 10n ** BigInt(tens) : divideUp(scaled, 10n ** BigInt(-tens))
  const significant = whole.replace(/^0+/, '').length + fraction.length
  if ((base === 2 || significant > fastPathDigits || exponent > 18) && nanos > maxNanos) nanos = maxNanos
  // A fraction of a byte is not shown in powers of two.
  const shownFormat = format === 'BinarySI' && nanos > 0n && nanos < nanosPerUnit ? 'DecimalSI' : format
  return { nanos: sign === '-' ? -nanos : nanos, format: shownFormat }
}

/** Pods repeat the same few texts for ever; a parsed Quantity is immutable and may be shared. */
const parsed = new Map<string, Quantity>()
const maxParsed = 4096
/** Longer ones are nobody's habit, and could fill the memory. */
export const maxCachedLength = 64

/** Parses `100m`, `1.5Gi`, `1e3`; a JSON number is taken as its text. Throws RangeError with upstream's message. */
export const parseQuantity = (value: string | number): Quantity => {
  const text = typeof value === 'number' ? String(value) : value
  const known = parsed.get(text)
  if (known !== undefined) return known
  const quantity = parseText(text)
  if (text.length > maxCachedLength) return quantity
  if (parsed.size >= maxParsed) parsed.clear()
  parsed.set(text, quantity)
  return quantity
}

export const zeroQuantity: Quantity = { nanos: 0n, format: 'DecimalSI' }

/** Whole units as a Quantity. */
export const quantityFromNumber = (units: number | bigint, format: QuantityFormat = 'DecimalSI'): Quantity => ({
  nanos: typeof units === 'bigint' ? units * nanosPerUnit : BigInt(Math.round(units)) * nanosPerUnit,
  format,
})

/** Thousandths of a unit (millicores) as a Quantity. */
export const quantityFromMilli = (milli: number): Quantity => ({
  nanos: BigInt(Math.round(milli)) * 1_000_000n,
  format: 'DecimalSI',
})

const asQuantity = (value: Quantity | string | number): Quantity =>
  typeof value === 'object' ? value : parseQuantity(value)

/** The nearest double; for ratios and scores, not for accounting. */
export const quantityToNumber = (value: Quantity | string | number): number => {
  const { nanos } = asQuantity(value)
  const whole = nanos / nanosPerUnit
  return Number(whole) + Number(nanos - whole * nanosPerUnit) / 1e9
}

/** Whole units, rounded away from zero. Upstream: Quantity.Value. */
export const quantityValue = (value: Quantity | string | number): number =>
  Number(divideUp(asQuantity(value).nanos, nanosPerUnit))

/** Thousandths, rounded away from zero. Upstream: Quantity.MilliValue. */
export const milliValue = (value: Quantity | string | number): number =>
  Number(divideUp(asQuantity(value).nanos, 1_000_000n))

/** Negative, zero or positive, as for Array.sort. */
export const compareQuantities = (a: Quantity, b: Quantity): number =>
  a.nanos < b.nanos ? -1 : a.nanos > b.nanos ? 1 : 0

export const isZeroQuantity = (quantity: Quantity): boolean => quantity.nanos === 0n

/** a + b; a zero takes the other's format, as upstream does. */
export const addQuantities = (a: Quantity, b: Quantity): Quantity => ({
  nanos: a.nanos + b.nanos,
  format: a.nanos === 0n ? b.format : a.format,
})

/** a - b; a zero takes the other's format, as upstream does. */
export const subQuantities = (a: Quantity, b: Quantity): Quantity => ({
  nanos: a.nanos - b.nanos,
  format: a.nanos === 0n ? b.format : a.format,
})

export const maxQuantity = (a: Quantity, b: Quantity): Quantity => (compareQuantities(a, b) >= 0 ? a : b)

const formatDecimal = (nanos: bigint, format: 'DecimalSI' | 'DecimalExponent'): string => {
  let mantissa = nanos
  let exponent = -9
  while (mantissa % 10n === 0n) {
    mantissa /= 10n
    exponent++
  }
  while (exponent % 3 !== 0 || (format === 'DecimalSI' && exponent > 18)) {
    mantissa *= 10n
    exponent--
  }
  if (format === 'DecimalExponent') return exponent === 0 ? `${mantissa}` : `${mantissa}e${exponent}`
  return `${mantissa}${decimalSuffixes.get(exponent) ?? ''}`
}

const formatBinary = (units: bigint): string => {
  let mantissa = units
  let power = 0
  while (mantissa % 1024n === 0n && power < binarySuffixes.length - 1) {
    mantissa /= 1024n
    power++
  }
  return `${mantissa}${binarySuffixes[power] ?? ''}`
}

/** The canonical text: no fraction, the largest suffix that needs none (`1.5Gi` is `1536Mi`, `0.5` is `500m`). */
export const formatQuantity = ({ nanos, format }: Quantity): string => {
  if (nanos === 0n) return '0'
  if (format !== 'BinarySI') return formatDecimal(nanos, format)
  const small = nanos > -1024n * nanosPerUnit && nanos < 1024n * nanosPerUnit
  if (small || nanos % nanosPerUnit !== 0n) return formatDecimal(nanos, 'DecimalSI')
  return formatBinary(nanos / nanosPerUnit)
}
