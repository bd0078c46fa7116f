/** What plugins keep of one Pod between its extension points, from PreFilter to PostBind. */
import type { FilterPlugin, Plugin } from './plugin.ts'

/** A Filter that does not skip the Pod, with its state: what runs on every node. */
export interface PreparedFilter {
  readonly plugin: FilterPlugin
  readonly state: unknown
}

/** The state of a plugin that skipped the Pod, or that keeps none, is undefined. */
export class CycleState {
  readonly #states: Map<string, unknown>
  /** Plugins whose PreFilter skipped the Pod: Filter, AddPod and RemovePod leave them out. */
  readonly skipped: Set<string>
  #prepared: readonly PreparedFilter[] | undefined
  /** Whether plugins are measured one by one. */
  measured = false

  constructor(states = new Map<string, unknown>(), skipped = new Set<string>()) {
    this.#states = states
    this.skipped = skipped
  }

  read(plugin: string): unknown {
    return this.#states.get(plugin)
  }

  write(plugin: string, state: unknown): void {
    this.#states.set(plugin, state)
    this.#prepared = undefined
  }

  /** The filters that have a say for this Pod. */
  prepare(filters: readonly FilterPlugin[]): readonly PreparedFilter[] {
    this.#prepared ??= filters
      .filter(({ name }) => !this.skipped.has(name))
      .map((plugin) => ({ plugin, state: this.read(plugin.name) }))
    return this.#prepared
  }

  /** A copy on which AddPod and RemovePod may work without a trace in this one. */
  clone(plugins: readonly Plugin[]): CycleState {
    const states = new Map(this.#states)
    for (const plugin of plugins) {
      const state = states.get(plugin.name)
      if (state !== undefined && plugin.cloneState !== undefined) states.set(plugin.name, plugin.cloneState(state))
    }
    return new CycleState(states, this.skipped)
  }
}
