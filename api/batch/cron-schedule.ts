/** Cron expressions, as robfig/cron's standard parser takes them. The controller computes times from the same parse. */

export interface CronSchedule {
  /** Sets of allowed values; each a sorted list. */
  readonly minutes: readonly number[]
  readonly hours: readonly number[]
  readonly daysOfMonth: readonly number[]
  readonly months: readonly number[]
  readonly daysOfWeek: readonly number[]
  /** A day matches either list unless one of them is `*`. */
  readonly anyDayOfMonth: boolean
  readonly anyDayOfWeek: boolean
  /** For `@every`: the interval; the lists are then empty. */
  readonly everyMs?: number
}

interface Field {
  readonly min: number
  readonly max: number
  readonly names?: readonly string[]
}

const monthNames = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const dayNames = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']
const fields: readonly Field[] = [
  { min: 0, max: 59 },
  { min: 0, max: 23 },
  { min: 1, max: 31 },
  { min: 1, max: 12, names: monthNames },
  { min: 0, max: 6, names: dayNames },
]

const descriptors: Readonly<Record<string, string>> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
}

const parseNumber = (text: string, field: Field): number => {
  const index = field.names?.indexOf(text.toLowerCase()) ?? -1
  if (index >= 0) return index + field.min
  if (!/^\d+$/.test(text))
    throw new RangeError(`failed to parse int from ${text}: strconv.Atoi: parsing "${text}": invalid syntax`)
  return Number(text)
}

const parseStep = (text: string): number => {
  if (!/^\d+$/.test(text))
    throw new RangeError(`failed to parse int from ${text}: strconv.Atoi: parsing "${text}": invalid syntax`)
  return Number(text)
}

/** `5`, `1-10`, `*`, each with an optional `/step`. */
const parseRange = (expression: string, field: Field): number[] => {
  const [range = '', stepText, ...tooMany] = expression.split('/')
  if (tooMany.length > 0) throw new RangeError(`too many slashes: ${expression}`)
  const [from = '', to, ...rest] = range.split('-')
  if (rest.length > 0) throw new RangeError(`too many hyphens: ${expression}`)
  const any = from === '*' || from === '?'
  const start = any ? field.min : parseNumber(from, field)
  let end = any ? field.max : to === undefined ? start : parseNumber(to, field)
  const step = stepText === undefined ? 1 : parseStep(stepText)
  if (stepText !== undefined && !any && to === undefined) end = field.max
  if (start < field.min)
    throw new RangeError(`beginning of range (${start}) below minimum (${field.min}): ${expression}`)
  if (end > field.max) throw new RangeError(`end of range (${end}) above maximum (${field.max}): ${expression}`)
  if (start > end) throw new RangeError(`beginning of range (${start}) beyond end of range (${end}): ${expression}`)
  if (step === 0) throw new RangeError(`step of range should be a positive number: ${expression}`)
  const values: number[] = []
  for (let value = start; value <= end; value += step) values.push(value)
  return values
}

const parseField = (text: string, field: Field): number[] => {
  const values = new Set<number>()
  for (const part of new Set(text.split(','))) {
    if (part !== '') for (const value of parseRange(part, field)) values.add(value)
  }
  return [...values].sort((a, b) => a - b)
}

const isAny = (text: string): boolean => text.split(',').some((part) => part.startsWith('*') || part.startsWith('?'))

const durationUnits: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 }

const parseEvery = (text: string): number => {
  // Sticky: a search would begin anew at every digit.
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(h|ms|m|s)/gy)]
  if (parts.length === 0 || parts.map(([whole]) => whole).join('') !== text) {
    throw new RangeError(`failed to parse duration @every ${text}: time: invalid duration "${text}"`)
  }
  const ms = parts.reduce((sum, [, amount, unit]) => sum + Number(amount) * (durationUnits[unit ?? ''] ?? 0), 0)
  return Math.max(1000, Math.floor(ms / 1000) * 1000)
}

/** Parses `minute hour day month weekday` or a descriptor; throws RangeError with the parser's message. */
export const parseCronSchedule = (text: string): CronSchedule => {
  if (text === '') throw new RangeError('empty spec string')
  if (text.startsWith('@every ')) {
    const none: readonly number[] = []
    return {
      minutes: none,
      hours: none,
      daysOfMonth: none,
      months: none,
      daysOfWeek: none,
      anyDayOfMonth: false,
      anyDayOfWeek: false,
      everyMs: parseEvery(text.slice('@every '.length)),
    }
  }
  const expanded = text.startsWith('@') ? descriptors[text] : text
  if (expanded === undefined) throw new RangeError(`unrecognized descriptor: ${text}`)
  const parts = expanded.trim().split(/\s+/)
  if (parts.length !== fields.length) {
    throw new RangeError(`expected exactly 5 fields, found ${parts.length}: [${parts.join(' ')}]`)
  }
  const [minutes = [], hours = [], daysOfMonth = [], months = [], daysOfWeek = []] = fields.map((field, index) =>
    parseField(parts[index] ?? '', field),
  )
  return {
    minutes,
    hours,
    daysOfMonth,
    months,
    daysOfWeek,
    anyDayOfMonth: isAny(parts[2] ?? ''),
    anyDayOfWeek: isAny(parts[4] ?? ''),
  }
}
