/** Go's text form of floating point numbers, which CEL shows. */

/** strconv.FormatFloat(value, 'g', -1, 64). */
export const formatDouble = (value: number): string => {
  if (Number.isNaN(value)) return 'NaN'
  if (!Number.isFinite(value)) return value > 0 ? '+Inf' : '-Inf'
  if (value === 0) return Object.is(value, -0) ? '-0' : '0'
  const [mantissa = '', exponentText = '0'] = value.toExponential().split('e')
  const exponent = Number(exponentText)
  if (exponent < -4 || exponent >= 21) {
    const sign = exponent < 0 ? '-' : '+'
    return `${mantissa}e${sign}${String(Math.abs(exponent)).padStart(2, '0')}`
  }
  return plainDouble(value)
}

/** strconv.FormatFloat(value, 'f', -1, 64): never an exponent. */
export const plainDouble = (value: number): string => {
  const text = String(value)
  const match = /^(-?)(\d)(?:\.(\d+))?e([+-]\d+)$/.exec(text)
  if (match === null) return text
  const [, sign = '', first = '', rest = '', exponentText = '0'] = match
  const exponent = Number(exponentText)
  const digits = first + rest
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${digits}`
  return sign + digits.padEnd(exponent + 1, '0')
}

/** A double that is an integer in range, cut towards zero; undefined if it is none. */
export const toBigInt = (value: number, min: bigint, max: bigint): bigint | undefined => {
  if (!Number.isFinite(value)) return undefined
  const whole = BigInt(Math.trunc(value))
  return whole < min || whole > max ? undefined : whole
}
