/** Timestamps and durations: parsing, printing and their parts, in any time zone. */
import { func, type FunctionDeclaration, method } from '../functions.ts'
import { CelError, Duration, maxInt, minInt, Timestamp, type Value } from '../values.ts'
import { plainDouble } from './numbers.ts'

const second = 1_000_000_000n
const millisecond = 1_000_000n

/** From year 1 to year 9999. */
const minTimestamp = -62_135_596_800n * second
const maxTimestamp = 253_402_300_800n * second - 1n

/** Throws CelError where that is out of range. */
export const timestamp = (nanos: bigint): Timestamp => {
  if (nanos < minTimestamp || nanos > maxTimestamp) throw new CelError('timestamp overflow')
  return new Timestamp(nanos)
}

const rfc3339 = /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|([+-])(\d\d):(\d\d))$/

/** Throws CelError. */
export const parseTimestamp = (text: string): Timestamp => {
  const match = rfc3339.exec(text)
  const fail = (): CelError => new CelError(`type conversion error from 'string' to 'google.protobuf.Timestamp'`)
  if (match === null) throw fail()
  const [, year = '', month = '', day = '', hour, minute, secs, fraction = '', sign, zoneHour = '0', zoneMinute = '0'] =
    match
  const date = new Date(0)
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day))
  date.setUTCHours(Number(hour), Number(minute), Number(secs))
  const valid = date.getUTCMonth() === Number(month) - 1 && date.getUTCDate() === Number(day)
  if (!valid || Number(hour) > 23 || Number(minute) > 59 || Number(secs) > 59) throw fail()
  const offset = (sign === '-' ? -1 : 1) * (Number(zoneHour) * 60 + Number(zoneMinute)) * 60
  const seconds = BigInt(date.getTime() / 1000 - offset)
  return timestamp(seconds * second + BigInt(fraction.slice(0, 9).padEnd(9, '0')))
}

const floorDiv = (a: bigint, b: bigint): bigint => {
  const quotient = a / b
  return a % b < 0n ? quotient - 1n : quotient
}

/** RFC 3339 in UTC, with as many decimals as are needed. */
export const formatTimestamp = ({ nanos }: Timestamp): string => {
  const seconds = floorDiv(nanos, second)
  const fraction = nanos - seconds * second
  const date = new Date(Number(seconds) * 1000)
  const year = String(date.getUTCFullYear()).padStart(4, '0')
  const rest = date
    .toISOString()
    .replace(/^[+-]?\d+/, '')
    .slice(0, 15)
  const decimals = fraction === 0n ? '' : `.${String(fraction).padStart(9, '0').replace(/0+$/, '')}`
  return `${year}${rest}${decimals}Z`
}

const units: Readonly<Record<string, bigint>> = {
  h: 3600n * second,
  m: 60n * second,
  s: second,
  ms: millisecond,
  us: 1000n,
  µs: 1000n,
  μs: 1000n,
  ns: 1n,
}
const durationPart = /(\d*)(?:\.(\d*))?(h|ms|m|s|us|µs|μs|ns)/y

/** Nothing that fits into an int64 of nanoseconds needs more, and numbers of a million digits take long. */
const maxDurationLength = 1_000

/** Go's durations: `1h30m`, `-1.5s`. Throws CelError. */
export const parseDuration = (text: string): Duration => {
  const fail = (): CelError => new CelError(`type conversion error from 'string' to 'google.protobuf.Duration'`)
  const sign = /^[+-]/.exec(text)?.[0] ?? ''
  const body = text.slice(sign.length)
  if (body === '0') return new Duration(0n)
  if (body === '' || body.length > maxDurationLength) throw fail()
  let total = 0n
  durationPart.lastIndex = 0
  for (let end = 0; end < body.length; end = durationPart.lastIndex) {
    const match = durationPart.exec(body)
    const [, whole = '', fraction = '', unitName = ''] = match ?? []
    const unit = units[unitName]
    if (unit === undefined || whole + fraction === '') throw fail()
    total += BigInt(whole === '' ? '0' : whole) * unit
    if (fraction !== '') total += (BigInt(fraction) * unit) / 10n ** BigInt(fraction.length)
  }
  const nanos = sign === '-' ? -total : total
  if (nanos > maxInt || nanos < minInt) throw fail()
  return new Duration(nanos)
}

/** Seconds, as protobuf writes them: `90.5s`. */
export const formatDuration = ({ nanos }: Duration): string => {
  const whole = nanos / second
  const fraction = nanos % second
  if (fraction === 0n) return `${whole}s`
  return `${plainDouble(Number(whole) + Number(fraction) / 1e9)}s`
}

/** Seconds east of UTC of a zone at that time. Throws CelError for an unknown zone. */
const offsetAt = (zone: string, milliseconds: number): number => {
  const fixed = /^([+-]?)(\d\d):(\d\d)$/.exec(zone)
  if (fixed !== null) return (fixed[1] === '-' ? -1 : 1) * (Number(fixed[2]) * 3600 + Number(fixed[3]) * 60)
  if (zone === '' || zone === 'UTC') return 0
  try {
    const parts = new Intl.DateTimeFormat('en-US', { timeZone: zone, timeZoneName: 'longOffset' }).formatToParts(
      milliseconds,
    )
    const name = parts.find(({ type }) => type === 'timeZoneName')?.value ?? ''
    const match = /GMT(?:([+-])(\d\d):(\d\d)(?::(\d\d))?)?/.exec(name)
    const [, sign = '+', hours = '0', minutes = '0', seconds = '0'] = match ?? []
    return (sign === '-' ? -1 : 1) * (Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds))
  } catch {
    throw new CelError(`unknown time zone ${zone}`)
  }
}

/** The wall clock of a zone at that time, read with the UTC getters. */
const wallClock = ({ nanos }: Timestamp, zone: string): Date => {
  const milliseconds = Number(floorDiv(nanos, millisecond))
  return new Date(milliseconds + offsetAt(zone, milliseconds) * 1000)
}

const dayOfYear = (date: Date): number => {
  const start = new Date(0)
  start.setUTCFullYear(date.getUTCFullYear(), 0, 1)
  return Math.floor((date.getTime() - start.getTime()) / 86_400_000)
}

const part = (name: string, read: (date: Date) => number): FunctionDeclaration[] => [
  method(name, 'timestamp -> int', (time: Timestamp) => BigInt(read(wallClock(time, 'UTC')))),
  method(name, 'timestamp, string -> int', (time: Timestamp, zone: string) => BigInt(read(wallClock(time, zone)))),
]
const total = (name: string, unit: bigint): FunctionDeclaration =>
  method(name, 'duration -> int', ({ nanos }: Duration): Value => nanos / unit)

export const timeFunctions: readonly FunctionDeclaration[] = [
  func('timestamp', 'string -> timestamp', parseTimestamp),
  func('timestamp', 'timestamp -> timestamp', (value: Timestamp) => value),
  func('timestamp', 'int -> timestamp', (seconds: bigint) => timestamp(seconds * second)),
  func('duration', 'string -> duration', parseDuration),
  func('duration', 'duration -> duration', (value: Duration) => value),
  func('duration', 'int -> duration', (nanos: bigint) => new Duration(nanos)),
  func('int', 'timestamp -> int', ({ nanos }: Timestamp) => floorDiv(nanos, second)),
  func('int', 'duration -> int', ({ nanos }: Duration) => nanos),
  func('string', 'timestamp -> string', formatTimestamp),
  func('string', 'duration -> string', formatDuration),
  ...part('getFullYear', (date) => date.getUTCFullYear()),
  ...part('getMonth', (date) => date.getUTCMonth()),
  ...part('getDayOfYear', dayOfYear),
  ...part('getDayOfMonth', (date) => date.getUTCDate() - 1),
  ...part('getDate', (date) => date.getUTCDate()),
  ...part('getDayOfWeek', (date) => date.getUTCDay()),
  ...part('getHours', (date) => date.getUTCHours()),
  ...part('getMinutes', (date) => date.getUTCMinutes()),
  ...part('getSeconds', (date) => date.getUTCSeconds()),
  ...part('getMilliseconds', (date) => date.getUTCMilliseconds()),
  total('getHours', 3600n * second),
  total('getMinutes', 60n * second),
  total('getSeconds', second),
  method('getMilliseconds', 'duration -> int', ({ nanos }: Duration): Value => (nanos % second) / millisecond),
]
