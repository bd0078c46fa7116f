/** --config-file: YAML with the flags' names as keys, TLS in sections of its own, as etcd.conf.yml.sample shows it. */
import { readFileSync } from 'node:fs'
import { load } from 'js-yaml'
import { UsageError } from '../../component-base/process/run.ts'
import type { FlagSettings } from './command-line.ts'
import {
  type FlagSpec,
  type FlagTable,
  type FlagType,
  type FlagTypes,
  FlagValueError,
  parseFlagValue,
} from './flag-types.ts'
import type { Warning } from './warnings.ts'

export interface ConfigFile {
  readonly settings: FlagSettings
  /** client-transport-security's allowed-cn: it has no flag. */
  readonly allowedCommonNames: readonly string[]
  readonly warnings: readonly Warning[]
}

type Yaml = Readonly<Record<string, unknown>>

const clientSecurity: Readonly<Record<string, string>> = {
  'cert-file': 'cert-file',
  'key-file': 'key-file',
  'client-cert-file': 'client-cert-file',
  'client-key-file': 'client-key-file',
  'client-cert-auth': 'client-cert-auth',
  'trusted-ca-file': 'trusted-ca-file',
  'auto-tls': 'auto-tls',
  'allowed-hostname': 'client-cert-allowed-hostname',
}
const peerSecurity: Readonly<Record<string, string>> = {
  'cert-file': 'peer-cert-file',
  'key-file': 'peer-key-file',
  'client-cert-file': 'peer-client-cert-file',
  'client-key-file': 'peer-client-key-file',
  'client-cert-auth': 'peer-client-cert-auth',
  'trusted-ca-file': 'peer-trusted-ca-file',
  'auto-tls': 'peer-auto-tls',
  'allowed-cn': 'peer-cert-allowed-cn',
  'allowed-hostname': 'peer-cert-allowed-hostname',
}
/** Sections, each with the flag that a key of it means. */
const sections: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'client-transport-security': clientSecurity,
  'peer-transport-security': peerSecurity,
  'socket-options': { 'reuse-port': 'socket-reuse-port', 'reuse-address': 'socket-reuse-address' },
}
/** Flags that a file has in a section, or not at all. */
const notAtTop: ReadonlySet<string> = new Set([
  ...Object.values(sections).flatMap((keys) => Object.values(keys)),
  'config-file',
])
/** What files spell otherwise than the flag. */
const otherNames: Readonly<Record<string, string>> = {
  'experimental-snapshot-catch-up-entries': 'experimental-snapshot-catchup-entries',
}

const isMapping = (value: unknown): value is Yaml =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const loadYaml = (path: string): Yaml => {
  let document: unknown
  try {
    document = load(readFileSync(path, 'utf8'))
  } catch (err) {
    const [reason = ''] = (err as Error).message.split('\n')
    throw new UsageError(`--config-file ${path}: ${reason}`, { exitCode: 1 })
  }
  if (document === undefined || document === null) return {}
  if (!isMapping(document)) throw new UsageError(`--config-file ${path} is not a mapping`, { exitCode: 1 })
  return document
}

/** Go's durations are numbers of nanoseconds in a file; here their texts are taken too. */
const nanosecondsPerMs = 1e6

const textOf = (spec: FlagSpec, value: unknown): string => {
  if (Array.isArray(value) && (spec.type === 'strings' || spec.type === 'urls')) return value.map(String).join(',')
  if (typeof value === 'number' && spec.type === 'duration') return `${value / nanosecondsPerMs}ms`
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return String(value)
  throw new FlagValueError('parse error')
}

/** Reads a file. Throws UsageError when it cannot be read or a value is none; unknown keys are warned of. */
export const readConfigFile = (path: string, flags: FlagTable): ConfigFile => {
  const document = loadYaml(path)
  const settings = new Map<string, FlagTypes[FlagType]>()
  const unknown: string[] = []
  const set = (key: string, flag: string | undefined, value: unknown): void => {
    const spec = flag !== undefined && Object.hasOwn(flags, flag) ? flags[flag] : undefined
    if (flag === undefined || spec === undefined) unknown.push(key)
    else if (value !== null && value !== '') {
      try {
        settings.set(flag, parseFlagValue(spec, textOf(spec, value)))
      } catch (err) {
        if (!(err instanceof FlagValueError)) throw err
        const text = JSON.stringify(value)
        throw new UsageError(`--config-file ${path}: invalid value ${text} for ${key}: ${err.message}`, { exitCode: 1 })
      }
    }
  }
  let allowedCommonNames: readonly string[] = []
  for (const [key, value] of Object.entries(document)) {
    const section = sections[key]
    if (section === undefined) {
      const flag = otherNames[key] ?? key
      set(key, notAtTop.has(flag) ? undefined : flag, value)
      continue
    }
    for (const [inner, innerValue] of Object.entries(isMapping(value) ? value : {})) {
      if (key === 'client-transport-security' && inner === 'allowed-cn' && Array.isArray(innerValue)) {
        allowedCommonNames = innerValue.map(String)
      } else set(`${key}.${inner}`, section[inner], innerValue)
    }
  }
  const warnings = unknown.map((key) => ({ message: 'unrecognized key in the configuration file', fields: { key } }))
  return { settings, allowedCommonNames, warnings }
}
