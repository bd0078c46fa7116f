/** Command-line flags as upstream's components take them: pflag's syntax, one table, one parser. */
import { UsageError } from '../process/run.ts'
import { parseDuration } from './duration.ts'

interface FlagTypes {
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

interface Spec<Type extends FlagType> {
  readonly type: Type
  readonly default: FlagTypes[Type]
  readonly help: string
  /** Why a flag that upstream has does nothing here: said when it is set. */
  readonly unsupported?: string
  /** One letter, as in `-v`. */
  readonly short?: string
}

export type FlagSpec = { [Type in FlagType]: Spec<Type> }[FlagType]
export type FlagSpecs = Readonly<Record<string, FlagSpec>>
export type FlagValues<Specs extends FlagSpecs> = { readonly [Name in keyof Specs]: FlagTypes[Specs[Name]['type']] }

export interface ParsedFlags<Specs extends FlagSpecs> {
  readonly values: FlagValues<Specs>
  /** Whether the flag stood on the command line. */
  readonly isSet: (name: keyof Specs) => boolean
  readonly positional: readonly string[]
}

/** Declares a component's flags; keeps the exact type of each. */
export const defineFlags = <const Specs extends FlagSpecs>(specs: Specs): Specs => specs

/** Every component has these; their effect is process/run.ts's and the logger's. */
const commonFlags: FlagSpecs = {
  v: { type: 'int', default: 0, help: 'Number for the log level verbosity.', short: 'v' },
  help: { type: 'bool', default: false, help: 'Print this help and exit.', short: 'h' },
  version: { type: 'string', default: 'false', help: 'Print the version and exit.' },
  'logging-format': { type: 'string', default: 'json', help: 'Only json is supported.' },
}

const bad = (name: string, value: string, type: string): UsageError =>
  new UsageError(`invalid argument ${JSON.stringify(value)} for "--${name}" flag: not a ${type}`)

const parsePairs = (name: string, text: string): Record<string, string> =>
  Object.fromEntries(
    text
      .split(',')
      .filter((pair) => pair !== '')
      .map((pair) => {
        const equals = pair.indexOf('=')
        if (equals < 0) throw bad(name, pair, 'key=value pair')
        return [pair.slice(0, equals), pair.slice(equals + 1)]
      }),
  )

const parseValue = (name: string, spec: FlagSpec, text: string, previous: unknown): unknown => {
  switch (spec.type) {
    case 'string':
      return text
    case 'bool':
      if (['true', 't', '1', 'T', 'TRUE', 'True'].includes(text)) return true
      if (['false', 'f', '0', 'F', 'FALSE', 'False'].includes(text)) return false
      throw bad(name, text, 'bool')
    case 'int':
      if (!/^[-+]?\d+$/.test(text)) throw bad(name, text, 'whole number')
      return Number(text)
    case 'float': {
      const value = Number(text)
      if (text === '' || Number.isNaN(value)) throw bad(name, text, 'number')
      return value
    }
    case 'duration': {
      const ms = parseDuration(text)
      if (ms === undefined) throw bad(name, text, 'duration')
      return ms
    }
    case 'strings':
      return [...((previous as string[] | undefined) ?? []), ...text.split(',').filter((item) => item !== '')]
    case 'map':
      return { ...(previous as Record<string, string> | undefined), ...parsePairs(name, text) }
  }
}

interface Identity {
  readonly name: string
  readonly version: string
}

const helpText = (specs: FlagSpecs, { name }: Identity): string => {
  const lines = Object.entries(specs)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([flag, spec]) => {
      const note = spec.unsupported === undefined ? '' : ` (not supported: ${spec.unsupported})`
      const shown = typeof spec.default === 'object' ? '' : ` (default ${JSON.stringify(spec.default)})`
      return `      --${flag} ${spec.type}\n                ${spec.help}${shown}${note}`
    })
  return `Usage:\n  ${name} [flags]\n\nFlags:\n${lines.join('\n')}\n`
}

/**
 * Parses a command line. `--help` and `--version` print and exit; an unknown flag or a bad value throws UsageError in
 * pflag's words; a set flag that is not supported is warned of on standard error.
 */
export const parseFlags = <const Specs extends FlagSpecs>(
  specs: Specs,
  argv: readonly string[],
  identity: Identity,
): ParsedFlags<Specs> => {
  const all: FlagSpecs = { ...commonFlags, ...specs }
  const shorts = new Map(
    Object.entries(all).flatMap(([name, { short }]) => (short === undefined ? [] : [[short, name]])),
  )
  const found = new Map<string, unknown>()
  const positional: string[] = []
  for (let index = 0; index < argv.length; index++) {
    const arg = argv[index] ?? ''
    if (arg === '--') {
      positional.push(...argv.slice(index + 1))
      break
    }
    if (!arg.startsWith('-') || arg === '-') {
      positional.push(arg)
      continue
    }
    const [, dashes = '', given = '', , inline] = /^(--?)([^=]*)(=([\s\S]*))?$/.exec(arg) ?? []
    const name = dashes === '-' ? (shorts.get(given) ?? given) : given
    const spec = Object.hasOwn(all, name) ? all[name] : undefined
    if (spec === undefined) {
      throw new UsageError(
        dashes === '--' ? `unknown flag: --${given}` : `unknown shorthand flag: '${given}' in ${arg}`,
      )
    }
    let text = inline
    if (text === undefined) {
      const valueless = spec.type === 'bool' || name === 'version'
      text = valueless ? 'true' : argv[++index]
    }
    if (text === undefined) throw new UsageError(`flag needs an argument: ${arg}`)
    found.set(name, parseValue(name, spec, text, found.get(name)))
    if (spec.unsupported !== undefined) process.stderr.write(`Warning: --${name} has no effect: ${spec.unsupported}\n`)
  }
  if (found.get('help') === true) {
    process.stdout.write(helpText(all, identity))
    process.exit(0)
  }
  if (found.get('version') === 'true' || found.get('version') === 'raw') {
    process.stdout.write(`Kubernetes ${identity.version}\n`)
    process.exit(0)
  }
  const values = Object.fromEntries(
    Object.entries(specs).map(([name, spec]) => [name, found.get(name) ?? spec.default]),
  )
  return { values: values as FlagValues<Specs>, isSet: (name) => found.has(String(name)), positional }
}
