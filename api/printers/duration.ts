/** Durations for people. Upstream: apimachinery/pkg/util/duration. */

const secondsPerMinute = 60
const minutesPerHour = 60
const hoursPerDay = 24
const hoursPerYear = hoursPerDay * 365

const pair = (major: number, majorUnit: string, minor: number, minorUnit: string): string =>
  minor === 0 ? `${major}${majorUnit}` : `${major}${majorUnit}${minor}${minorUnit}`

/** At most two units and three digits: `45s`, `5m3s`, `47h`, `3d4h`, `2y10d`. A clock a little behind shows `0s`. */
export const humanDuration = (durationMs: number): string => {
  const seconds = Math.trunc(durationMs / 1000)
  if (seconds < -1) return '<invalid>'
  if (seconds < 0) return '0s'
  if (seconds < 2 * secondsPerMinute) return `${seconds}s`
  const minutes = Math.trunc(seconds / secondsPerMinute)
  if (minutes < 10) return pair(minutes, 'm', seconds % secondsPerMinute, 's')
  if (minutes < 3 * minutesPerHour) return `${minutes}m`
  const hours = Math.trunc(minutes / minutesPerHour)
  if (hours < 8) return pair(hours, 'h', minutes % minutesPerHour, 'm')
  if (hours < 2 * hoursPerDay) return `${hours}h`
  const days = Math.trunc(hours / hoursPerDay)
  if (hours < 8 * hoursPerDay) return pair(days, 'd', hours % hoursPerDay, 'h')
  if (hours < 2 * hoursPerYear) return `${days}d`
  const years = Math.trunc(hours / hoursPerYear)
  if (hours < 8 * hoursPerYear) return pair(years, 'y', days % 365, 'd')
  return `${years}y`
}

/** Time since a metav1.Time, `<unknown>` where there is none: the AGE column. */
export const age = (timestamp: string | null | undefined, now: Date): string =>
  timestamp === undefined || timestamp === null || timestamp === ''
    ? '<unknown>'
    : humanDuration(now.getTime() - Date.parse(timestamp))
