/** The command line, in the syntax and with the words of Go's flag package. */
import { UsageError } from '../../component-base/process/run.ts'
import {
  type FlagSpec,
  type FlagTable,
  type FlagTypes,
  type FlagType,
  FlagValueError,
  parseFlagValue,
} from './flag-types.ts'

export type FlagSettings = ReadonlyMap<string, FlagTypes[FlagType]>

export interface CommandLine {
  readonly settings: FlagSettings
  /** Ignored flags that were given. */
  readonly ignored: readonly string[]
  /** --help or --version. */
  readonly asked: 'help' | 'version' | undefined
}

interface Vocabulary {
  readonly flags: FlagTable
  readonly ignored: ReadonlySet<string>
}

const usage = "see 'etcd --help'"

const parseValue = (name: string, spec: FlagSpec, text: string): FlagTypes[FlagType] => {
  try {
    return parseFlagValue(spec, text)
  } catch (err) {
    if (!(err instanceof FlagValueError)) throw err
    const what = spec.type === 'bool' ? 'invalid boolean value' : 'invalid value'
    const of = spec.type === 'bool' ? `for -${name}` : `for flag -${name}`
    throw new UsageError(`${what} ${JSON.stringify(text)} ${of}: ${err.message} (${usage})`)
  }
}

const splitFlag = (arg: string): { readonly name: string; readonly text: string | undefined } => {
  const body = arg.replace(/^--?/, '')
  if (body === '' || body.startsWith('-') || body.startsWith('=')) throw new UsageError(`bad flag syntax: ${arg}`)
  const equals = body.indexOf('=')
  return equals < 0 ? { name: body, text: undefined } : { name: body.slice(0, equals), text: body.slice(equals + 1) }
}

/** Parses a command line. Throws UsageError: with exit code 2 for flags, with 1 for anything that is none. */
export const parseCommandLine = (argv: readonly string[], { flags, ignored }: Vocabulary): CommandLine => {
  const settings = new Map<string, FlagTypes[FlagType]>()
  const past: string[] = []
  let asked: CommandLine['asked']
  for (let index = 0; index < argv.length; index++) {
    const arg = argv[index] ?? ''
    if (!arg.startsWith('-') || arg === '-') {
      throw new UsageError(`'${arg}' is not a valid flag`, { exitCode: 1 })
    }
    if (arg === '--') {
      const rest = argv[index + 1]
      if (rest !== undefined) throw new UsageError(`'${rest}' is not a valid flag`, { exitCode: 1 })
      break
    }
    const { name, text } = splitFlag(arg)
    if (name === 'h' || name === 'help') {
      asked ??= 'help'
      continue
    }
    if (name === 'version') {
      if (parseValue(name, { type: 'bool', default: false, help: '' }, text ?? 'true') === true) asked ??= 'version'
      continue
    }
    const spec = Object.hasOwn(flags, name) ? flags[name] : undefined
    if (spec === undefined) {
      if (!ignored.has(name)) throw new UsageError(`flag provided but not defined: -${name} (${usage})`)
      past.push(name) // these stand alone, as in etcd
      continue
    }
    const given = text ?? (spec.type === 'bool' ? 'true' : argv[++index])
    if (given === undefined) throw new UsageError(`flag needs an argument: -${name} (${usage})`)
    settings.set(name, parseValue(name, spec, given))
  }
  return { settings, ignored: past, asked }
}
