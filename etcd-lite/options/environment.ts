/** ETCD_* environment variables: one for each flag. */
import { UsageError } from '../../component-base/process/run.ts'
import type { FlagSettings } from './command-line.ts'
import { type FlagTable, type FlagType, type FlagTypes, FlagValueError, parseFlagValue } from './flag-types.ts'
import type { Warning } from './warnings.ts'

export type Environment = Readonly<Record<string, string | undefined>>

export const environmentName = (flag: string): string => `ETCD_${flag.replaceAll('-', '_').toUpperCase()}`

/**
 * Settings of the environment. Throws UsageError for a bad value, and, as etcd does, for a variable whose flag is on
 * the command line too.
 */
export const readEnvironment = (
  environment: Environment,
  flags: FlagTable,
  commandLine: FlagSettings,
): { readonly settings: FlagSettings; readonly warnings: readonly Warning[] } => {
  const settings = new Map<string, FlagTypes[FlagType]>()
  const known = new Set<string>()
  for (const [flag, spec] of Object.entries(flags)) {
    const name = environmentName(flag)
    const text = environment[name]
    known.add(name)
    if (text === undefined || text === '') continue
    if (commandLine.has(flag)) {
      throw new UsageError(
        `conflicting environment variable "${name}" is shadowed by corresponding command-line flag (either unset environment variable or disable flag)`,
        { exitCode: 1 },
      )
    }
    try {
      settings.set(flag, parseFlagValue(spec, text))
    } catch (err) {
      if (!(err instanceof FlagValueError)) throw err
      throw new UsageError(`invalid value ${JSON.stringify(text)} for ${name}: ${err.message}`, { exitCode: 1 })
    }
  }
  const warnings = Object.entries(environment)
    .filter(([name]) => name.startsWith('ETCD_') && !known.has(name))
    .map(([name, value]) => ({
      message: 'unrecognized environment variable',
      fields: { 'environment-variable': `${name}=${value}` },
    }))
  return { settings, warnings }
}
