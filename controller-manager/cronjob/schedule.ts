/** When a cron schedule is next due, by the wall clock of a time zone. Upstream: robfig/cron v3, SpecSchedule.Next. */
import type { CronSchedule } from '../../api/batch/cron-schedule.ts'

const weekdayNames = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']

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

/** With both days restricted, one that fits either is enough: the old rule of cron. */
const dayMatches = (schedule: CronSchedule, { day, weekday }: LocalTime): boolean => {
  const byDay = schedule.daysOfMonth.includes(day)
  const byWeekday = schedule.daysOfWeek.includes(weekday)
  return schedule.anyDayOfMonth || schedule.anyDayOfWeek ? byDay && byWeekday : byDay || byWeekday
}

/**
 * The first time after `afterMs` that the schedule names, in milliseconds since the epoch; undefined if there is none.
 * `zone` is an IANA name. Skips over days and hours that cannot match.
 */
export const nextTime = (schedule: CronSchedule, afterMs: number, zone: string): number | undefined => {
  if (schedule.everyMs !== undefined) return Math.floor(afterMs / 1000) * 1000 + schedule.everyMs
  let time = Math.floor(afterMs / minuteMs) * minuteMs + minuteMs
  const end = afterMs + horizonMs
  while (time < end) {
    const local = localTime(time, zone)
    if (!schedule.months.includes(local.month) || !dayMatches(schedule, local)) {
      // To local midnight by the wall clock; an hour at a time near it, as days may have 23 or 25 hours.
      const hoursLeft = Math.max(1, 22 - local.hour)
      time += hoursLeft * hourMs - local.minute * minuteMs
    } else if (!schedule.hours.includes(local.hour)) time += hourMs - local.minute * minuteMs
    else if (!schedule.minutes.includes(local.minute)) time += minuteMs
    else return time
  }
  return undefined
}
