/** Profiles: which plugins run at which extension point for the Pods of one schedulerName. */
import { Framework, type ProfilePlugins, type WeightedPlugin } from './framework/framework.ts'
import type { Handle, PodNominator } from './framework/handle.ts'
import type { FrameworkObserver } from './framework/observer.ts'
import { implementsPoint, type Plugin, type PluginFactory } from './framework/plugin.ts'

/** Extension points by their names in the configuration, and the function that a plugin has there. */
export const extensionPoints = {
  preEnqueue: 'preEnqueue',
  queueSort: 'less',
  preFilter: 'preFilter',
  filter: 'filter',
  postFilter: 'postFilter',
  preScore: 'preScore',
  score: 'score',
  reserve: 'reserve',
  permit: 'permit',
  preBind: 'preBind',
  bind: 'bind',
  postBind: 'postBind',
} as const satisfies Record<string, keyof Plugin>

export type ExtensionPoint = keyof typeof extensionPoints

/** A plugin that a profile has. */
export interface PluginToMake {
  readonly name: string
  readonly factory: PluginFactory
  readonly args: unknown
}

export interface ProfileConfig {
  readonly schedulerName: string
  /** 0: adaptive. */
  readonly percentageOfNodesToScore: number
  /** Each is made once, whatever the number of its extension points. */
  readonly plugins: readonly PluginToMake[]
  /** Names of those that run at a point, in order. Throws where the configuration asks for what cannot be. */
  readonly order: (point: ExtensionPoint, made: ReadonlyMap<string, Plugin>) => readonly string[]
  readonly weightOf: (name: string) => number
}

/** A plugin with its weight, for profiles that are made without a configuration. */
export interface EnabledPlugin extends PluginToMake {
  readonly weight: number
}

/** The same plugins at every extension point that they have. */
export const everywhere = (
  plugins: readonly EnabledPlugin[],
): Pick<ProfileConfig, 'plugins' | 'order' | 'weightOf'> => ({
  plugins,
  order: () => plugins.map(({ name }) => name),
  weightOf: (name) => plugins.find((plugin) => plugin.name === name)?.weight ?? 1,
})

const makePlugins = (plugins: readonly PluginToMake[], handle: Handle): Map<string, Plugin> => {
  const made = new Map<string, Plugin>()
  for (const { name, factory, args } of plugins) {
    try {
      made.set(name, factory(args, handle))
    } catch (error) {
      throw new Error(`initializing plugin "${name}": ${(error as Error).message}`, { cause: error })
    }
  }
  return made
}

/** Throws what a factory throws, and where a profile cannot work. */
const pluginsOf = ({ plugins, order, weightOf, schedulerName }: ProfileConfig, handle: Handle): ProfilePlugins => {
  const made = makePlugins(plugins, handle)
  const namedAt = (point: ExtensionPoint): Plugin[] => order(point, made).flatMap((name) => made.get(name) ?? [])
  const at = <Point extends keyof Plugin>(point: ExtensionPoint, method: Point) =>
    namedAt(point).filter(implementsPoint(method))
  const [queueSort, second] = at('queueSort', 'less')
  if (queueSort === undefined) throw new Error(`no queue sort plugin is enabled for profile "${schedulerName}"`)
  if (second !== undefined) {
    throw new Error(`only one queue sort plugin required for profile with scheduler name "${schedulerName}"`)
  }
  const bind = at('bind', 'bind')
  if (bind.length === 0) {
    throw new Error(`at least one bind plugin is needed for profile with scheduler name "${schedulerName}"`)
  }
  return {
    preEnqueue: at('preEnqueue', 'preEnqueue'),
    queueSort,
    preFilter: at('preFilter', 'preFilter'),
    filter: at('filter', 'filter'),
    postFilter: at('postFilter', 'postFilter'),
    preScore: at('preScore', 'preScore'),
    score: at('score', 'score').map((plugin): WeightedPlugin => ({ plugin, weight: weightOf(plugin.name) })),
    reserve: namedAt('reserve').filter((plugin) => plugin.reserve !== undefined || plugin.unreserve !== undefined),
    permit: at('permit', 'permit'),
    preBind: at('preBind', 'preBind'),
    bind,
    postBind: at('postBind', 'postBind'),
    all: [...made.values()],
  }
}

/** What a profile's Framework needs beside its configuration. */
export interface FrameworkParts {
  readonly nominator: PodNominator
  readonly observer?: FrameworkObserver
  /** Is given a way to the Framework, since plugins may run each other's extension points. */
  readonly handleOf: (runner: () => Framework) => Handle
}

/** Makes a profile's plugins. Throws what a factory throws, and where a profile cannot work. */
export const createFramework = (config: ProfileConfig, parts: FrameworkParts): Framework => {
  let framework: Framework | undefined
  const handle = parts.handleOf(() => {
    if (framework === undefined) throw new Error('plugins run no extension points while they are made')
    return framework
  })
  framework = new Framework(config.schedulerName, pluginsOf(config, handle), parts)
  return framework
}
