/** From a configuration file to profiles that can be made. */
import { errorSummary } from '../../api/meta/field-error.ts'
import { ConfigTypeError, decodeConfig } from '../../component-base/config/decode-config.ts'
import { loadConfigFile } from '../../component-base/config/config-file.ts'
import { UsageError } from '../../component-base/process/run.ts'
import { defaultPlugins } from '../plugins/index.ts'
import type { PluginToMake, ProfileConfig } from '../profiles.ts'
import { apiVersion, completeConfiguration, type GivenConfiguration, type GivenProfile } from './defaults.ts'
import { argsFields, configurationFields } from './fields.ts'
import { loadPluginModule } from './plugin-modules.ts'
import { pluginsAt, scoreWeight } from './plugin-sets.ts'
import type { KubeSchedulerConfiguration, PluginConfig, ProfileSpec } from './types.ts'
import { validateConfiguration } from './validate.ts'

export interface LoadedConfiguration {
  /** With all defaults, as `/configz` shows it. */
  readonly configuration: KubeSchedulerConfiguration
  readonly profiles: readonly ProfileConfig[]
}

interface Decoded<T> {
  readonly value: T
  readonly problems: readonly string[]
}

/** Arguments have the kind of their plugin, whether they say so or not. */
const decodeArgs = ({ name, args }: PluginConfig, at: string): Decoded<PluginConfig> => {
  const shapes = argsFields[name]
  if (shapes === undefined || args === undefined) return { value: { name, ...(args && { args }) }, problems: [] }
  const kind = args['kind'] ?? `${name}Args`
  if (kind !== `${name}Args` || (args['apiVersion'] ?? apiVersion) !== apiVersion) {
    throw new UsageError(
      `decoding ${at}: args for plugin ${name} were not of type ${name}Args.kubescheduler.config.k8s.io, got ${String(kind)}`,
    )
  }
  const { value, problems } = decodeConfig(shapes, args)
  return {
    value: { name, args: value },
    problems: problems.map((problem) => `decoding ${at}: decoding args for plugin ${name}: ${problem}`),
  }
}

/** Throws UsageError in upstream's words. */
export const decodeConfiguration = (document: Record<string, unknown>): GivenConfiguration => {
  try {
    const { value, problems } = decodeConfig(configurationFields, document)
    const given = value as GivenConfiguration
    const all = [...problems]
    const profiles = (given.profiles ?? []).map((profile: GivenProfile, index) => {
      const decoded = (profile.pluginConfig ?? []).map((config, place) =>
        decodeArgs(config, `.profiles[${index}].pluginConfig[${place}]`),
      )
      all.push(...decoded.flatMap((one) => one.problems))
      return { ...profile, pluginConfig: decoded.map((one) => one.value) }
    })
    if (all.length > 0) throw new UsageError(`strict decoding error: ${all.join(', ')}`)
    return { ...given, profiles }
  } catch (error) {
    if (error instanceof ConfigTypeError) throw new UsageError(error.message)
    throw error
  }
}

const inTree = new Map(defaultPlugins.map(({ name, factory }) => [name, factory]))

/** The plugins that a profile enables anywhere and that exist; what does not exist is told when the profile is made. */
const pluginsToMake = async (profile: ProfileSpec, file: string): Promise<PluginToMake[]> => {
  const names = new Set(Object.values(profile.plugins).flatMap(({ enabled = [] }) => enabled.map(({ name }) => name)))
  const found = await Promise.all(
    [...names].map(async (name): Promise<PluginToMake | undefined> => {
      const config = profile.pluginConfig.find((one) => one.name === name)
      const loaded = config === undefined ? undefined : await loadPluginModule(config, file)
      if (loaded !== undefined) return { name, ...loaded }
      const factory = inTree.get(name)
      return factory === undefined ? undefined : { name, factory, args: config?.args }
    }),
  )
  return found.filter((plugin) => plugin !== undefined)
}

const toProfile = async (
  profile: ProfileSpec,
  configuration: KubeSchedulerConfiguration,
  file: string,
): Promise<ProfileConfig> => ({
  schedulerName: profile.schedulerName,
  percentageOfNodesToScore: profile.percentageOfNodesToScore ?? configuration.percentageOfNodesToScore,
  plugins: await pluginsToMake(profile, file),
  order: (point, made) => pluginsAt(point, profile.plugins, made),
  weightOf: (name) => scoreWeight(name, profile.plugins),
})

/** Where a configuration comes from, and what the command line says over it. */
export interface ConfigurationSource {
  /** Plugin modules are found from here; '' if there is no file. */
  readonly file: string
  readonly adjust?: (configuration: KubeSchedulerConfiguration) => KubeSchedulerConfiguration
}

/** Completes and validates. Rejects with UsageError. */
export const toConfiguration = async (
  given: GivenConfiguration,
  { file, adjust = (configuration) => configuration }: ConfigurationSource,
): Promise<LoadedConfiguration> => {
  const configuration = adjust(completeConfiguration(given))
  const errors = validateConfiguration(configuration)
  if (errors.length > 0) throw new UsageError(errorSummary(errors))
  try {
    const profiles = await Promise.all(configuration.profiles.map((profile) => toProfile(profile, configuration, file)))
    return { configuration, profiles }
  } catch (error) {
    throw new UsageError((error as Error).message, { cause: error })
  }
}

/** Reads `--config`; without a file there is the one profile `default-scheduler`. Rejects with UsageError. */
export const loadConfiguration = (source: ConfigurationSource): Promise<LoadedConfiguration> =>
  toConfiguration(
    source.file === ''
      ? {}
      : decodeConfiguration(loadConfigFile(source.file, { apiVersion, kind: 'KubeSchedulerConfiguration' })),
    source,
  )
