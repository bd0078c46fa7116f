/** metav1.Time (RFC 3339, whole seconds, UTC) and metav1.MicroTime (six digits). Times on the wire are strings. */

let lastSecond = Number.NaN
let lastText = ''

/** `2026-01-02T03:04:05` of milliseconds since the epoch. Most callers ask for the second that it is: one is kept. */
const secondText = (ms: number): string => {
  const second = Math.floor(ms / 1000)
  if (second !== lastSecond) {
    lastText = new Date(second * 1000).toISOString().slice(0, 19)
    lastSecond = second
  }
  return lastText
}

/** `2026-01-02T03:04:05Z` of milliseconds since the epoch: metav1.Time. */
export const nowRfc3339 = (ms: number): string => `${secondText(ms)}Z`

/** `2026-01-02T03:04:05.000006Z` of milliseconds since the epoch (fractions are microseconds): metav1.MicroTime. */
export const microTime = (ms: number): string => {
  const wholeMs = Math.floor(ms)
  const micros = (wholeMs - Math.floor(ms / 1000) * 1000) * 1000 + Math.floor((ms - wholeMs) * 1000)
  return `${secondText(ms)}.${String(micros).padStart(6, '0')}Z`
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

/** The same instant as metav1.MicroTime is written, or undefined: Go's layout wants exactly six digits. */
export const canonicalMicroTime = (text: string): string | undefined => {
  const instant = /[.]\d{6}(?!\d)/.test(text) ? parseInstant(text) : undefined
  if (instant === undefined) return undefined
  return `${new Date(instant.secondMs).toISOString().slice(0, 19)}.${instant.fraction.slice(0, 6)}Z`
}

/** Elements of a Go time layout, in order, with what each matches. */
const layoutElements: readonly (readonly [layout: string, pattern: RegExp, max?: readonly [string, number, number]])[] =
  [
    ['2006', /^\d{4}/],
    ['-', /^-/],
    ['01', /^\d{2}/, ['month', 1, 12]],
    ['-', /^-/],
    ['02', /^\d{2}/, ['day', 1, 31]],
    ['T', /^T/],
    ['15', /^\d{2}/, ['hour', 0, 23]],
    [':', /^:/],
    ['04', /^\d{2}/, ['minute', 0, 59]],
    [':', /^:/],
    ['05', /^\d{2}/, ['second', 0, 59]],
    ['.000000', /^\.\d{6}/],
    ['Z07:00', /^(?:Z|[+-]\d{2}:\d{2})/],
  ]

/** Why Go cannot parse `text` as `layout`: `parsing time "x" as "2006-…": cannot parse "x" as "2006"`. */
export const timeProblem = (text: string, layout: string): string => {
  const start = `parsing time ${JSON.stringify(text)}`
  let rest = text
  for (const [element, pattern, range] of layoutElements) {
    if (element === '.000000') {
      // Go takes a fraction after the seconds even where the layout has none.
      if (!layout.includes(element)) {
        rest = rest.replace(/^[.,]\d+/, '')
        continue
      }
    }
    const match = pattern.exec(rest)
    if (match === null) {
      return `${start} as ${JSON.stringify(layout)}: cannot parse ${JSON.stringify(rest)} as ${JSON.stringify(element)}`
    }
    if (range !== undefined) {
      const [name, min, max] = range
      const value = Number(match[0])
      if (value < min || value > max) return `${start}: ${name} out of range`
    }
    rest = rest.slice(match[0].length)
  }
  return rest === '' ? `${start}: day out of range` : `${start}: extra text: ${JSON.stringify(rest)}`
}
