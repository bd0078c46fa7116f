/**
 * Mutating webhooks and policies may be asked a second time, where somebody after them has changed the object again.
 * Upstream: apiserver/pkg/admission/plugin/webhook/mutating/reinvocationcontext.go
 */
import { cloneJson, equalJson } from '../storage/json.ts'
import type { KubeObject } from '../../api/types.ts'

/** What one plugin remembers of a request between its two turns. */
interface PluginMemory {
  /** Those that want to be asked again, and have not been since the object last changed. */
  waiting: Set<string>
  again: Set<string>
  lastOutput: KubeObject | undefined
}

/** One request's way through mutating admission. */
export class Reinvocation {
  /** True in the second turn, which is the last. */
  secondTurn = false
  /** Whether there is to be a second turn. */
  wanted = false
  readonly #memories = new Map<string, PluginMemory>()

  #of(plugin: string): PluginMemory {
    const known = this.#memories.get(plugin)
    if (known !== undefined) return known
    const made: PluginMemory = { waiting: new Set(), again: new Set(), lastOutput: undefined }
    this.#memories.set(plugin, made)
    return made
  }

  /** A plugin's turn begins: whoever it has asked is to be asked again if the object is not as it left it. */
  begin(plugin: string, object: KubeObject): void {
    const { lastOutput } = this.#of(plugin)
    if (this.secondTurn && lastOutput !== undefined && !equalJson(lastOutput, object)) this.#askAgain(plugin)
  }

  /** Whether this hook is to be asked in this turn. */
  isDue(plugin: string, hook: string): boolean {
    return !this.secondTurn || this.#of(plugin).again.has(hook)
  }

  /** A hook was asked. `again`: it wants to hear of later changes. */
  asked(plugin: string, hook: string, { changed, again }: { changed: boolean; again: boolean }): void {
    const memory = this.#of(plugin)
    if (changed) {
      // Everybody before this one has not seen what it changed; others of the plugin's turn neither.
      this.#askAgain(plugin)
      this.wanted = true
    }
    if (again) memory.waiting.add(hook)
  }

  end(plugin: string, object: KubeObject): void {
    this.#of(plugin).lastOutput = cloneJson(object)
  }

  #askAgain(plugin: string): void {
    const memory = this.#of(plugin)
    for (const hook of memory.waiting) memory.again.add(hook)
    memory.waiting.clear()
  }
}
