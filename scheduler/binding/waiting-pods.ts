/** Pods that Permit plugins let wait between the scheduling cycle and binding. */
import type { Pod } from '../../api/types.ts'
import type { Clock, TimerHandle } from '../../component-base/clock.ts'
import type { WaitingPod } from '../framework/handle.ts'
import type { Rejection, Wait } from '../framework/status.ts'

/** Nobody waits longer, whatever a plugin says. Upstream: maxTimeout. */
const maxTimeoutMs = 15 * 60_000

export class WaitingPods {
  readonly #clock: Clock
  readonly #waiting = new Map<string, WaitingPod>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  readonly get = (uid: string): WaitingPod | undefined => this.#waiting.get(uid)
  readonly list = (): readonly WaitingPod[] => [...this.#waiting.values()]

  /** Resolves with undefined when all plugins have allowed the Pod, else with who rejected it, or let it wait too long. */
  wait(pod: Pod, nodeName: string, waits: ReadonlyMap<string, Wait>): Promise<Rejection | undefined> {
    const uid = pod.metadata?.uid ?? ''
    const { promise, resolve } = Promise.withResolvers<Rejection | undefined>()
    const timers = new Map<string, TimerHandle>()
    const settle = (rejection: Rejection | undefined): void => {
      for (const timer of timers.values()) this.#clock.clearTimeout(timer)
      timers.clear()
      this.#waiting.delete(uid)
      resolve(rejection)
    }
    const reject = (plugin: string, message: string): void =>
      settle({ code: 'Unschedulable', reasons: [message], plugin })
    const allow = (plugin: string): void => {
      const timer = timers.get(plugin)
      if (timer === undefined) return
      this.#clock.clearTimeout(timer)
      timers.delete(plugin)
      if (timers.size === 0) settle(undefined)
    }
    for (const [plugin, { timeoutMs }] of waits) {
      const timeout = Math.min(timeoutMs, maxTimeoutMs)
      const message = `rejected due to timeout after waiting ${timeout / 1000}s at plugin ${plugin}`
      timers.set(
        plugin,
        this.#clock.setTimeout(() => reject(plugin, message), timeout),
      )
    }
    this.#waiting.set(uid, {
      pod,
      nodeName,
      get pendingPlugins() {
        return [...timers.keys()]
      },
      allow,
      reject,
    })
    return promise
  }
}
