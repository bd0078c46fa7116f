/** Texts of flags and their values, and pflag's words for what is no value. */
import { UsageError } from '../process/run.ts'
import { formatDuration, parseGoDuration } from './duration.ts'

export interface FlagTypes {
  string: string
  bool: boolean
  int: number
  float: number
  /** Go syntax on the command line, milliseconds in the program. */
  duration: number
  /** Comma separated, and repeatable. */
  strings: readonly string[]
  /** `k=v,k=v`, and repeatable. */
  map: Readonly<Record<string, string>>
}

export type FlagType = keyof FlagTypes

const words = {
  true: ['true', 't', '1', 'T', 'TRUE', 'True'],
  false: ['false', 'f', '0', 'F', 'FALSE', 'False'],
} as const

/** Upstream's numbers are Go's int and int32; what this language cannot count exactly is refused as out of range. */
const parseInteger = (text: string): number | string => {
  const quoted = JSON.stringify(text)
  if (!/^[-+]?(\d+|0[xX][\da-fA-F]+)$/.test(text)) return `strconv.ParseInt: parsing ${quoted}: invalid syntax`
  const sign = text.startsWith('-') ? -1 : 1
  const value = sign * Number(text.replace(/^[-+]/, ''))
  return Number.isSafeInteger(value) ? value : `strconv.ParseInt: parsing ${quoted}: value out of range`
}

type Pairs = Readonly<Record<string, string>>

const parsePairs = (text: string): Pairs | string => {
  const pairs: [string, string][] = []
  for (const pair of text.split(',').filter((item) => item !== '')) {
    const equals = pair.indexOf('=')
    if (equals < 0) return `${pair} must be formatted as key=value`
    pairs.push([pair.slice(0, equals).trim(), pair.slice(equals + 1).trim()])
  }
  return Object.fromEntries(pairs)
}

export interface ValueSource {
  /** As an error message calls the flag: `--port`, or `-v, --v`. */
  readonly label: string
  readonly text: string
  /** What an earlier occurrence of the same flag gave: lists and maps go on from there. */
  readonly previous: unknown
}

/** A value in pflag's writing: `[a,b]`, `a=b,c=d`, `1m0s`. */
export const formatValue = (type: FlagType, value: FlagTypes[FlagType]): string => {
  if (type === 'duration' && typeof value === 'number') return formatDuration(value)
  if (typeof value !== 'object') return String(value)
  if (Array.isArray(value)) return `[${value.join(',')}]`
  return Object.entries(value)
    .map(([key, text]) => `${key}=${String(text)}`)
    .toSorted()
    .join(',')
}

/** The value that a text means for a flag of that type; throws UsageError in pflag's words. */
export const parseValue = (type: FlagType, { label, text, previous }: ValueSource): unknown => {
  const bad = (why: string): UsageError =>
    new UsageError(`invalid argument ${JSON.stringify(text)} for "${label}" flag: ${why}`)
  switch (type) {
    case 'string':
      return text
    case 'bool':
      if ((words.true as readonly string[]).includes(text)) return true
      if ((words.false as readonly string[]).includes(text)) return false
      throw bad(`strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`)
    case 'int': {
      const value = parseInteger(text)
      if (typeof value === 'string') throw bad(value)
      return value
    }
    case 'float': {
      const value = Number(text)
      if (text.trim() === '' || Number.isNaN(value)) {
        throw bad(`strconv.ParseFloat: parsing ${JSON.stringify(text)}: invalid syntax`)
      }
      return value
    }
    case 'duration': {
      const ms = parseGoDuration(text)
      if (typeof ms === 'string') throw bad(ms)
      return ms
    }
    case 'strings':
      return [...((previous as string[] | undefined) ?? []), ...text.split(',').filter((item) => item !== '')]
    case 'map': {
      const pairs = parsePairs(text)
      if (typeof pairs === 'string') throw bad(pairs)
      return { ...(previous as Pairs | undefined), ...pairs }
    }
  }
}
