/** Whether the rules follow the API: health for load balancers and for whoever restarts us. Upstream: proxy_health.go. */
import type { Node } from '../../api/types.ts'
import type { IpFamily } from '../family.ts'

/** The cluster autoscaler is about to take the node away: load balancers should send it nothing new. */
const toBeDeletedTaint = 'ToBeDeletedByClusterAutoscaler'

export interface HealthState {
  readonly isHealthy: boolean
  /** Milliseconds since the epoch. */
  readonly lastUpdated: number
}

/** A change that waits longer than `timeoutMs` makes the proxy unhealthy; at its start it is healthy. */
export class ProxyHealth {
  readonly #timeoutMs: number
  readonly #now: () => number
  readonly #lastUpdated = new Map<IpFamily, number>()
  readonly #oldestQueued = new Map<IpFamily, number>()
  #nodeEligible = true

  constructor(timeoutMs: number, now: () => number) {
    this.#timeoutMs = timeoutMs
    this.#now = now
  }

  queued(family: IpFamily): void {
    if (!this.#oldestQueued.has(family)) this.#oldestQueued.set(family, this.#now())
  }

  updated(family: IpFamily): void {
    this.#oldestQueued.delete(family)
    this.#lastUpdated.set(family, this.#now())
  }

  setNode(node: Node | undefined): void {
    const taints = node?.spec?.taints ?? []
    this.#nodeEligible =
      node?.metadata?.deletionTimestamp === undefined && !taints.some(({ key }) => key === toBeDeletedTaint)
  }

  get nodeEligible(): boolean {
    return this.#nodeEligible
  }

  state(): HealthState {
    const now = this.#now()
    for (const [family, updatedAt] of this.#lastUpdated) {
      const queuedAt = this.#oldestQueued.get(family)
      if (queuedAt !== undefined && now - queuedAt >= this.#timeoutMs)
        return { isHealthy: false, lastUpdated: updatedAt }
    }
    return { isHealthy: true, lastUpdated: now }
  }
}
