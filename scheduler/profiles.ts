/** Profiles: which plugins run at which extension point for the Pods of one schedulerName. */
import { Framework, type ProfilePlugins, type WeightedPlugin } from './framework/framework.ts'
import type { Handle, PodNominator } from './framework/handle.ts'
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

/** A plugin that is on, with what the profile says of it. */
export interface EnabledPlugin {
  readonly name: string
  readonly factory: PluginFactory
  readonly args: unknown
  readonly weight: number
}

export interface ProfileConfig {
  readonly schedulerName: string
  /** 0: adaptive. */
  readonly percentageOfNodesToScore: number
  /** For each point the plugins that may run there, in order; those that do not have the point are passed over. */
  readonly enabled: Readonly<Record<ExtensionPoint, readonly EnabledPlugin[]>>
}

/** The same plugins at every extension point that they have. */
export const everywhere = (plugins: readonly EnabledPlugin[]): ProfileConfig['enabled'] => ({
  preEnqueue: plugins,
  queueSort: plugins,
  preFilter: plugins,
  filter: plugins,
  postFilter: plugins,
  preScore: plugins,
  score: plugins,
  reserve: plugins,
  permit: plugins,
  preBind: plugins,
  bind: plugins,
  postBind: plugins,
})

/** Makes each plugin once, whatever the number of its points. Throws what a factory throws, and where a profile cannot work. */
const pluginsOf = ({ enabled, schedulerName }: ProfileConfig, handle: Handle): ProfilePlugins => {
  const made = new Map<string, Plugin>()
  const make = ({ name, factory, args }: EnabledPlugin): Plugin => {
    const known = made.get(name)
    if (known !== undefined) return known
    let plugin: Plugin
    try {
      plugin = factory(args, handle)
    } catch (error) {
      throw new Error(`initializing plugin "${name}": ${(error as Error).message}`, { cause: error })
    }
    made.set(name, plugin)
    return plugin
  }
  const at = <Point extends keyof Plugin>(point: ExtensionPoint, method: Point) =>
    enabled[point].map(make).filter(implementsPoint(method))
  const hasScore = implementsPoint('score')
  const score = enabled.score.flatMap((entry): WeightedPlugin[] => {
    const plugin = make(entry)
    return hasScore(plugin) ? [{ plugin, weight: entry.weight }] : []
  })
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
    score,
    reserve: enabled.reserve
      .map(make)
      .filter((plugin) => plugin.reserve !== undefined || plugin.unreserve !== undefined),
    permit: at('permit', 'permit'),
    preBind: at('preBind', 'preBind'),
    bind,
    postBind: at('postBind', 'postBind'),
    all: [...made.values()],
  }
}

/** A profile's Framework. `handleOf` is given a way to it, since plugins may run each other's extension points. */
export const createFramework = (
  config: ProfileConfig,
  nominator: PodNominator,
  handleOf: (runner: () => Framework) => Handle,
): Framework => {
  let framework: Framework | undefined
  const handle = handleOf(() => {
    if (framework === undefined) throw new Error('plugins run no extension points while they are made')
    return framework
  })
  framework = new Framework(config.schedulerName, pluginsOf(config, handle), nominator)
  return framework
}
