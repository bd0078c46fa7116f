/**
 * Cron schedules: five fields (minute, hour, day of month, month, day of week), names, steps, ranges, `@hourly` …,
 * in a time zone. Upstream: robfig/cron v3 ParseStandard.
 */

export interface CronSchedule {
  readonly minutes: ReadonlySet<number>
  readonly hours: ReadonlySet<number>
  readonly days: ReadonlySet<number>
  readonly months: ReadonlySet<number>
  readonly weekdays: ReadonlySet<number>
  /** With both restricted, a day that fits either is enough: the old rule of cron. */
  readonly dayIsAny: boolean
  readonly weekdayIsAny: boolean
}

const macros: Readonly<Record<string, string>> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
}

const monthNames = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const weekdayNames = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']

interface FieldSpec {
  readonly min: number
  readonly max: number
  readonly names?: readonly string[]
}

const valueOf = (text: string, { min, names }: FieldSpec): number => {
  const named = names?.indexOf(text.toLowerCase()) ?? -1
  if (named >= 0) return named + min
  if (!/^\d+$/.test(text)) throw new RangeError(`failed to parse int from ${text}`)
  return Number(text)
}

const parsePart = (part: string, spec: FieldSpec): { values: number[]; any: boolean } => {
  const [range = '', stepText] = part.split('/')
  const step = stepText === undefined ? 1 : Number(stepText)
  if (!Number.isInteger(step) || step < 1) throw new RangeError(`step of range should be a positive number: ${part}`)
  const star = range === '*' || range === '?'
  const [first, last] = range.split('-')
  const low = star ? spec.min : valueOf(first ?? '', spec)
  // `5/10` means from 5 on; `5` alone means 5.
  const high = star || (last === undefined && stepText !== undefined) ? spec.max : valueOf(last ?? first ?? '', spec)
  if (low < spec.min || high > spec.max || low > high) {
    throw new RangeError(`range (${low} to ${high}) is not within ${spec.min} to ${spec.max}: ${part}`)
  }
  const values: number[] = []
  for (let value = low; value <= high; value += step) values.push(value)
  return { values, any: star && step === 1 }
}

const parseField = (text: string, spec: FieldSpec): { values: Set<number>; any: boolean } => {
  const parts = text.split(',').map((part) => parsePart(part, spec))
  return { values: new Set(parts.flatMap(({ values }) => values)), any: parts.some(({ any }) => any) }
}

/** Reads a schedule; throws RangeError where it is none. */
export const parseSchedule = (text: string): CronSchedule => {
  const trimmed = text.trim()
  const fields = (macros[trimmed] ?? trimmed).split(/\s+/)
  const [minute, hour, day, month, weekday] = fields
  if (
    fields.length !== 5 ||
    minute === undefined ||
    hour === undefined ||
    day === undefined ||
    month === undefined ||
    weekday === undefined
  ) {
    throw new RangeError(`expected exactly 5 fields, found ${fields.length}: [${trimmed}]`)
  }
  const days = parseField(day, { min: 1, max: 31 })
  const weekdays = parseField(weekday, { min: 0, max: 7, names: weekdayNames })
  if (weekdays.values.has(7)) weekdays.values.add(0)
  return {
    minutes: parseField(minute, { min: 0, max: 59 }).values,
    hours: parseField(hour, { min: 0, max: 23 }).values,
    days: days.values,
    months: parseField(month, { min: 1, max: 12, names: monthNames }).values,
    weekdays: weekdays.values,
    dayIsAny: days.any,
    weekdayIsAny: weekdays.any,
  }
}

const minuteMs = 60_000
const hourMs = 3_600_000
/** Five years without a hit: there is none (31 February). */
const horizonMs = 5 * 366 * 24 * hourMs

interface LocalTime {
  readonly month: number
  readonly day: number
  readonly weekday: number
  readonly hour: number
  readonly minute: number
}

/** The wall clock of a zone; formatters are kept, as they are dear to make. */
const formatters = new Map<string, Intl.DateTimeFormat>()
const localTime = (ms: number, zone: string): LocalTime => {
  let formatter = formatters.get(zone)
  if (formatter === undefined) {
    formatter = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      hourCycle: 'h23',
      month: 'numeric',
      day: 'numeric',
      weekday: 'short',
      hour: 'numeric',
      minute: 'numeric',
    })
    formatters.set(zone, formatter)
  }
  const parts = new Map(formatter.formatToParts(ms).map(({ type, value }) => [type, value]))
  return {
    month: Number(parts.get('month')),
    day: Number(parts.get('day')),
    weekday: weekdayNames.indexOf((parts.get('weekday') ?? '').toLowerCase()),
    hour: Number(parts.get('hour')),
    minute: Number(parts.get('minute')),
  }
}

const dayMatches = (schedule: CronSchedule, { day, weekday }: LocalTime): boolean => {
  const byDay = schedule.days.has(day)
  const byWeekday = schedule.weekdays.has(weekday)
  return schedule.dayIsAny || schedule.weekdayIsAny ? byDay && byWeekday : byDay || byWeekday
}

/**
 * The first time after `afterMs` that the schedule names, in milliseconds since the epoch; undefined if there is none.
 * `zone` is an IANA name. Skips over days and hours that cannot match.
 */
export const nextTime = (schedule: CronSchedule, afterMs: number, zone: string): number | undefined => {
  let time = Math.floor(afterMs / minuteMs) * minuteMs + minuteMs
  const end = afterMs + horizonMs
  while (time < end) {
    const local = localTime(time, zone)
    if (!schedule.months.has(local.month) || !dayMatches(schedule, local)) {
      // To local midnight by the wall clock; an hour at a time near it, as days may have 23 or 25 hours.
      const hoursLeft = Math.max(1, 22 - local.hour)
      time += hoursLeft * hourMs - local.minute * minuteMs
    } else if (!schedule.hours.has(local.hour)) time += hourMs - local.minute * minuteMs
    else if (!schedule.minutes.has(local.minute)) time += minuteMs
    else return time
  }
  return undefined
}
