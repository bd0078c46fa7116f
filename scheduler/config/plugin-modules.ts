/**
 * Out-of-tree plugins: TypeScript modules that the configuration names.
 *
 *     profiles:
 *     - plugins: { multiPoint: { enabled: [{ name: RackSpread }] } }
 *       pluginConfig:
 *       - name: RackSpread
 *         args:
 *           apiVersion: kubets.dev/v1alpha1
 *           kind: PluginModule
 *           module: ./rack-spread.ts   # from the configuration file
 *           args: { label: rack }
 *
 * The module's default export is a PluginFactory: `(args, handle) => plugin`. It runs in the scheduler's process with all
 * the scheduler's rights, so whoever may write the file may do what the scheduler may.
 */
import { dirname, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { PluginFactory } from '../framework/plugin.ts'
import type { PluginConfig } from './types.ts'

const moduleVersion = 'kubets.dev/v1alpha1'
const moduleKind = 'PluginModule'

/** A plugin's factory and the arguments that are meant for it. */
export interface LoadedPlugin {
  readonly factory: PluginFactory
  readonly args: unknown
}

/** Undefined: this configuration names no module. Rejects with what is wrong with it, or with the module. */
export const loadPluginModule = async (
  { name, args }: PluginConfig,
  configFile: string,
): Promise<LoadedPlugin | undefined> => {
  if (args?.['apiVersion'] !== moduleVersion || args['kind'] !== moduleKind) return undefined
  const { module } = args
  if (typeof module !== 'string' || module === '') throw new Error(`plugin ${JSON.stringify(name)}: module is required`)
  const url = pathToFileURL(resolve(dirname(configFile), module)).href
  let loaded: { readonly default?: unknown }
  try {
    loaded = (await import(url)) as { readonly default?: unknown }
  } catch (error) {
    throw new Error(`plugin ${JSON.stringify(name)}: ${(error as Error).message}`, { cause: error })
  }
  if (typeof loaded.default !== 'function') {
    throw new Error(`plugin ${JSON.stringify(name)}: ${module} has no default export that makes a plugin`)
  }
  return { factory: loaded.default as PluginFactory, args: args['args'] }
}
