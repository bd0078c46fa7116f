/** Command-line flags as upstream's components take them: pflag's syntax, one table, one parser. */
import { UsageError } from '../process/run.ts'
import { helpText } from './help.ts'
import { type FlagType, type FlagTypes, parseValue } from './values.ts'

interface Spec<Type extends FlagType> {
  readonly type: Type
  readonly default: FlagTypes[Type]
  readonly help: string
  /** Why a flag that upstream has does nothing here: said when it is set. */
  readonly unsupported?: string
  /** One letter, as in `-v`. */
  readonly short?: string
}

export type { FlagType } from './values.ts'
export type FlagSpec = { [Type in FlagType]: Spec<Type> }[FlagType]
export type FlagSpecs = Readonly<Record<string, FlagSpec>>
export type FlagValues<Specs extends FlagSpecs> = { readonly [Name in keyof Specs]: FlagTypes[Specs[Name]['type']] }

export interface ParsedFlags<Specs extends FlagSpecs> {
  readonly values: FlagValues<Specs>
  /** Whether the flag stood on the command line: what it says then counts more than a config file. */
  readonly isSet: (name: keyof Specs) => boolean
  readonly positional: readonly string[]
}

/** Declares a component's flags; keeps the exact type of each. */
export const defineFlags = <const Specs extends FlagSpecs>(specs: Specs): Specs => specs

/** Every component has these; their effect is process/run.ts's and the logger's. */
export const commonFlags = defineFlags({
  v: { type: 'int', default: 0, help: 'Number for the log level verbosity.', short: 'v' },
  help: { type: 'bool', default: false, help: 'Print this help and exit.', short: 'h' },
  version: { type: 'string', default: 'false', help: 'Print the version and exit.' },
  'logging-format': { type: 'string', default: 'json', help: 'Only json is supported.' },
  vmodule: { type: 'string', default: '', help: 'Verbosity by file.', unsupported: 'logs have one verbosity' },
})

interface Identity {
  readonly name: string
  readonly version: string
}

interface Occurrence {
  readonly name: string
  readonly spec: FlagSpec
  /** Undefined if the next argument is the value. */
  readonly text: string | undefined
}

/** Flags that stand alone mean this. */
const bareValue = (name: string, spec: FlagSpec): string | undefined =>
  spec.type === 'bool' || name === 'version' ? 'true' : undefined

const parseLong = (all: FlagSpecs, arg: string, dashes: string): Occurrence => {
  const body = arg.slice(dashes.length)
  const equals = body.indexOf('=')
  const given = equals < 0 ? body : body.slice(0, equals)
  const name = given.replaceAll('_', '-')
  const spec = Object.hasOwn(all, name) ? all[name] : undefined
  if (given === '' || given.startsWith('-')) throw new UsageError(`bad flag syntax: ${arg}`)
  if (spec === undefined) throw new UsageError(`unknown flag: --${given}`)
  return { name, spec, text: equals < 0 ? bareValue(name, spec) : body.slice(equals + 1) }
}

/** `-v=2`, `-v 2`, `-v2`, `-h`; also Go's own `-data-dir=x`, which etcd takes. */
const parseShort = (all: FlagSpecs, arg: string): Occurrence => {
  const letter = arg.charAt(1)
  const found = Object.entries(all).find(([, spec]) => spec.short === letter)
  const longName = arg.slice(1).split('=')[0]?.replaceAll('_', '-') ?? ''
  if (longName.length > 1 && Object.hasOwn(all, longName)) return parseLong(all, arg, '-')
  if (found === undefined) throw new UsageError(`unknown shorthand flag: '${letter}' in ${arg}`)
  const [name, spec] = found
  const rest = arg.slice(2)
  return { name, spec, text: rest === '' ? bareValue(name, spec) : rest.replace(/^=/, '') }
}

const labelOf = (name: string, { short }: FlagSpec): string =>
  short === undefined ? `--${name}` : `-${short}, --${name}`

/** `--help` and `--version` print and end the process. */
const answerAndExit = (found: ReadonlyMap<string, unknown>, all: FlagSpecs, identity: Identity): void => {
  const version = found.get('version')
  const wantsVersion = version === 'true' || version === 'raw'
  if (found.get('help') === true) process.stdout.write(helpText(all, identity.name))
  else if (wantsVersion) process.stdout.write(`Kubernetes ${identity.version}\n`)
  else return
  process.exit(0)
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
    const { name, spec, text = argv[++index] } = arg.startsWith('--') ? parseLong(all, arg, '--') : parseShort(all, arg)
    if (text === undefined) throw new UsageError(`flag needs an argument: ${arg}`)
    if (spec.unsupported !== undefined && !found.has(name)) {
      process.stderr.write(`Warning: --${name} has no effect: ${spec.unsupported}\n`)
    }
    found.set(name, parseValue(spec.type, { label: labelOf(name, spec), text, previous: found.get(name) }))
  }
  answerAndExit(found, all, identity)
  const values = Object.fromEntries(
    Object.entries(specs).map(([name, spec]) => [name, found.has(name) ? found.get(name) : spec.default]),
  )
  return { values: values as FlagValues<Specs>, isSet: (name) => found.has(String(name)), positional }
}
