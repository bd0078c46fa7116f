/** Which plugins run where: upstream's rules for `enabled`, `disabled` and `multiPoint`. Pure. */
import { type ExtensionPoint, extensionPoints } from '../profiles.ts'
import type { Plugin } from '../framework/plugin.ts'
import type { PluginRef, PluginSet, ProfileSpec } from './types.ts'

const namesOf = (refs: readonly PluginRef[] | undefined): ReadonlySet<string> =>
  new Set((refs ?? []).map(({ name }) => name))

/**
 * A profile's set over the default one: what it disables goes, what it enables anew keeps its place, the rest is
 * appended. Upstream: mergePluginSet.
 */
export const mergePluginSet = (defaults: PluginSet, custom: PluginSet = {}): PluginSet => {
  const disabled = [...(custom.disabled ?? []), ...(defaults.disabled ?? [])].map(({ name }) => ({ name }))
  const off = namesOf(disabled)
  const enabled: PluginRef[] = []
  const placed = new Set<PluginRef>()
  for (const plugin of off.has('*') ? [] : (defaults.enabled ?? [])) {
    if (off.has(plugin.name)) continue
    const again = (custom.enabled ?? []).findLast(({ name }) => name === plugin.name)
    if (again !== undefined) placed.add(again)
    enabled.push(again ?? plugin)
  }
  enabled.push(...(custom.enabled ?? []).filter((plugin) => !placed.has(plugin)))
  return { enabled, ...(disabled.length === 0 ? {} : { disabled }) }
}

/** Upstream's names of the interfaces, for messages. */
const interfaceOf = (point: ExtensionPoint): string => `${point.charAt(0).toUpperCase()}${point.slice(1)}Plugin`

/**
 * The plugins of one point in the order in which they run: those that are enabled there and by multiPoint, then those by
 * multiPoint alone, then those enabled there alone. Throws for a plugin that does not exist, is enabled twice, or does
 * not have the point. Upstream: expandMultiPointPlugins, updatePluginList.
 */
export const pluginsAt = (
  point: ExtensionPoint,
  plugins: ProfileSpec['plugins'],
  made: ReadonlyMap<string, Plugin>,
): string[] => {
  const { enabled = [], disabled } = plugins[point] ?? {}
  const find = (name: string): Plugin => {
    const plugin = made.get(name)
    if (plugin === undefined) throw new Error(`${interfaceOf(point)} ${JSON.stringify(name)} does not exist`)
    return plugin
  }
  const implementsIt = (plugin: Plugin): boolean =>
    plugin[extensionPoints[point]] !== undefined || (point === 'reserve' && plugin.unreserve !== undefined)
  const own = new Set<string>()
  for (const { name } of enabled) {
    if (!implementsIt(find(name))) {
      throw new Error(`plugin ${JSON.stringify(name)} does not extend ${interfaceOf(point)} plugin`)
    }
    if (own.has(name))
      throw new Error(`plugin ${JSON.stringify(name)} already registered as ${JSON.stringify(interfaceOf(point))}`)
    own.add(name)
  }
  const off = namesOf(disabled)
  const overriding: string[] = []
  const byMultiPoint = new Set<string>()
  for (const { name } of plugins['multiPoint']?.enabled ?? []) {
    if (!implementsIt(find(name)) || off.has(name) || off.has('*')) continue
    if (own.has(name)) overriding.push(name)
    else if (byMultiPoint.has(name))
      throw new Error(`plugin ${JSON.stringify(name)} already registered as ${JSON.stringify(interfaceOf(point))}`)
    else byMultiPoint.add(name)
  }
  const first = [...own].filter((name) => overriding.includes(name))
  return [...first, ...byMultiPoint, ...[...own].filter((name) => !overriding.includes(name))]
}

/** Weight of a plugin's scores: where it is enabled for score, else by multiPoint, else 1. */
export const scoreWeight = (name: string, plugins: ProfileSpec['plugins']): number => {
  const at = (point: string): number =>
    (plugins[point]?.enabled ?? []).find((plugin) => plugin.name === name)?.weight ?? 0
  return at('score') || at('multiPoint') || 1
}
