/**
 * Books what requests use on the quotas of their namespace, before they are stored.
 *
 * Flow: requests of one namespace are taken together, one batch at a time. Each is evaluated on the quotas as the ones
 * before it leave them; then every quota that changed is written once, on the condition that nobody else did. One that
 * somebody did (the controller, another API server) is read again, and the batch evaluated again on that one.
 *
 * Guarantees: what is granted is on the disk before the request goes on, so that a quota is never exceeded by requests
 * that run at once; what is refused has booked nothing, except where a second quota changed under a batch that had
 * written the first. A granted request that fails later is counted until the controller counts again.
 * Upstream: checkQuotas in k8s.io/apiserver/pkg/admission/plugin/resourcequota/controller.go
 */
import { notFound, staleObject, StatusError } from '../../../api/meta/status-error.ts'
import type { ResourceQuota } from '../../../api/types.ts'
import type { Clock } from '../../../component-base/clock.ts'
import { trackSystemWrite } from '../../registry/field-manager.ts'
import { keyFor, type Resource } from '../../registry/resource.ts'
import { cloneJson } from '../../storage/json.ts'
import type { AdmissionAttributes } from '../admission.ts'
import { evaluateRequest } from './evaluate.ts'
import type { LimitedResource } from './limited-resources.ts'

/** How often a batch is evaluated again because somebody else wrote. */
const maxAttempts = 10
/** Quotas that were written here and that the cache may not have seen yet. */
const maxRemembered = 100

interface Waiter {
  readonly attributes: AdmissionAttributes
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
  /** Set when it is decided; the promise is settled at the end of the batch. */
  outcome: { readonly error?: unknown } | undefined
}

export interface QuotaBookerOptions {
  readonly quotas: Resource
  readonly limited: readonly LimitedResource[]
  readonly clock: Clock
}

const revisionOf = ({ metadata }: ResourceQuota): number => Number(metadata?.resourceVersion ?? 0)

export class QuotaBooker {
  readonly #options: QuotaBookerOptions
  /** Requests that wait, by namespace; a namespace is here while a batch of it runs. */
  readonly #waiting = new Map<string, Waiter[]>()
  readonly #written = new Map<string, ResourceQuota>()

  constructor(options: QuotaBookerOptions) {
    this.#options = options
  }

  /** Resolves when the request is booked, at once where no quota is. Rejects with Forbidden. */
  async book(attributes: AdmissionAttributes): Promise<void> {
    const { quotas, limited } = this.#options
    const { namespace } = attributes
    await quotas.store.cache.ready()
    if (limited.length === 0 && quotas.store.cache.range(`${namespace}/`).length === 0) return
    await new Promise<void>((resolve, reject) => {
      const waiter: Waiter = { attributes, resolve, reject, outcome: undefined }
      const running = this.#waiting.get(namespace)
      if (running !== undefined) {
        running.push(waiter)
        return
      }
      this.#waiting.set(namespace, [waiter])
      void this.#run(namespace)
    })
  }

  /** Never rejects. */
  async #run(namespace: string): Promise<void> {
    for (;;) {
      const batch = this.#waiting.get(namespace) ?? []
      if (batch.length === 0) break
      this.#waiting.set(namespace, [])
      try {
        await this.#decide(this.#current(namespace), batch)
      } catch (error) {
        for (const waiter of batch) waiter.outcome ??= { error }
      }
      for (const { outcome, resolve, reject } of batch) {
        if (outcome?.error === undefined) resolve()
        else reject(outcome.error)
      }
    }
    this.#waiting.delete(namespace)
  }

  /** The namespace's quotas: of the cache's and our own last writes the newer. */
  #current(namespace: string): ResourceQuota[] {
    return this.#options.quotas.store.cache.range(`${namespace}/`).map(({ key, object }) => {
      const cached = object as ResourceQuota
      const written = this.#written.get(key)
      if (written === undefined || revisionOf(written) > revisionOf(cached)) return written ?? cached
      this.#written.delete(key)
      return cached
    })
  }

  async #decide(quotas: readonly ResourceQuota[], batch: readonly Waiter[]): Promise<void> {
    let current = quotas
    for (let attempt = 1; ; attempt++) {
      // What is limited without a quota was looked at with all quotas in sight.
      const changed = this.#evaluate(current, batch, attempt === 1 ? this.#options.limited : [])
      const failed: ResourceQuota[] = []
      for (const [before, after] of changed) {
        if (!(await this.#write(before, after))) failed.push(before)
      }
      if (failed.length === 0) break
      if (attempt === maxAttempts) {
        const error = staleObject(this.#options.quotas.groupResource, failed[0]?.metadata?.name ?? '')
        for (const waiter of batch) waiter.outcome ??= { error }
        return
      }
      const fresh = await Promise.all(failed.map((quota) => this.#live(quota)))
      current = fresh.filter((quota) => quota !== undefined)
    }
    for (const waiter of batch) waiter.outcome ??= {}
  }

  /** Evaluates who is not refused yet, each on what the others leave; the quotas to write, with what they were. */
  #evaluate(
    quotas: readonly ResourceQuota[],
    batch: readonly Waiter[],
    limited: readonly LimitedResource[],
  ): [ResourceQuota, ResourceQuota][] {
    const context = { limited, nowMs: this.#options.clock.now() }
    let running = quotas
    for (const waiter of batch) {
      if (waiter.outcome !== undefined) continue
      try {
        const after = evaluateRequest(running, waiter.attributes, context)
        if (waiter.attributes.dryRun) waiter.outcome = {}
        else running = after
      } catch (error) {
        if (!(error instanceof StatusError)) throw error
        waiter.outcome = { error }
      }
    }
    return quotas.flatMap((before, index) => {
      const after = running[index]
      return after === undefined || after === before ? [] : [[before, after] as [ResourceQuota, ResourceQuota]]
    })
  }

  #keyOf({ metadata }: ResourceQuota): string {
    return keyFor(this.#options.quotas, metadata?.namespace ?? '', metadata?.name ?? '')
  }

  async #live(quota: ResourceQuota): Promise<ResourceQuota | undefined> {
    return (await this.#options.quotas.store.getLive(this.#keyOf(quota)))?.object as ResourceQuota | undefined
  }

  /** False if the quota is not what it was, or gone. */
  async #write(before: ResourceQuota, after: ResourceQuota): Promise<boolean> {
    const { quotas, clock } = this.#options
    const key = this.#keyOf(before)
    const object = cloneJson(after)
    trackSystemWrite(quotas, before, object, clock.now(), 'status')
    try {
      const outcome = await quotas.store.update(key, (current) => {
        if (current === undefined) throw notFound(quotas.groupResource, key)
        const isSame = current.metadata?.resourceVersion === before.metadata?.resourceVersion
        return isSame ? { type: 'write', object } : { type: 'keep' }
      })
      if (outcome.type !== 'updated') return false
      this.#remember(key, outcome.entry.object as ResourceQuota)
      return true
    } catch (error) {
      if (error instanceof StatusError && error.reason === 'NotFound') return false
      throw error
    }
  }

  #remember(key: string, quota: ResourceQuota): void {
    this.#written.delete(key)
    this.#written.set(key, quota)
    const oldest = this.#written.keys().next().value
    if (this.#written.size > maxRemembered && oldest !== undefined) this.#written.delete(oldest)
  }
}
