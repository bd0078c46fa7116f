/** metav1.Time (RFC 3339, whole seconds, UTC) and metav1.MicroTime (six digits). Times on the wire are strings. */

/** `2026-01-02T03:04:05Z` of milliseconds since the epoch: metav1.Time. */
export const nowRfc3339 = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`

/** `2026-01-02T03:04:05.000006Z` of milliseconds since the epoch (fractions are microseconds): metav1.MicroTime. */
export const microTime = (ms: number): string => {
  const wholeMs = Math.floor(ms)
  const micros = String(Math.floor((ms - wholeMs) * 1000)).padStart(3, '0')
  return `${new Date(wholeMs).toISOString().slice(0, 23)}${micros}Z`
}

const rfc3339 = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:[.,](\d+))?(Z|[+-]\d{2}:\d{2})$/

interface Instant {
  /** Milliseconds of the whole second. */
  readonly secondMs: number
  /** Digits after the point, at least six. */
  readonly fraction: string
}

const parseInstant = (text: string): Instant | undefined => {
  const match = rfc3339.exec(text)
  if (match === null) return undefined
  const [, year, month, day, hour, minute, second, fraction = '', zone = 'Z'] = match
  const secondMs = Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second))
  const date = new Date(secondMs)
  // Date.UTC carries 31 February over into March; Go refuses it. Years below 100 are not years of 1900.
  if (Number(year) < 100) date.setUTCFullYear(Number(year))
  if (date.getUTCMonth() + 1 !== Number(month) || date.getUTCDate() !== Number(day)) return undefined
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return undefined
  const sign = zone.startsWith('-') ? -1 : 1
  const offsetMs = zone === 'Z' ? 0 : sign * (Number(zone.slice(1, 3)) * 60 + Number(zone.slice(4, 6))) * 60_000
  return { secondMs: date.getTime() - offsetMs, fraction: fraction.padEnd(6, '0') }
}

/** Milliseconds since the epoch, or undefined where `text` is no RFC 3339 time. */
export const parseTime = (text: string): number | undefined => {
  const instant = parseInstant(text)
  return instant === undefined ? undefined : instant.secondMs + Number(`0.${instant.fraction}`) * 1000
}

/** The same instant as metav1.Time is written, or undefined where `text` is no RFC 3339 time. */
export const canonicalTime = (text: string): string | undefined => {
  if (text.length === 20 && canonical.test(text)) return text
  const instant = parseInstant(text)
  return instant === undefined ? undefined : nowRfc3339(instant.secondMs)
}
/** Days up to 28 exist in every month; the rest takes the slow path. */
const canonical = /^[12]\d{3}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\dZ$/

/** The same instant as metav1.MicroTime is written, or undefined where `text` is no RFC 3339 time. */
export const canonicalMicroTime = (text: string): string | undefined => {
  const instant = parseInstant(text)
  if (instant === undefined) return undefined
  return `${new Date(instant.secondMs).toISOString().slice(0, 19)}.${instant.fraction.slice(0, 6)}Z`
}
