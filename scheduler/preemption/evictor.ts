/** Removes the victims of a preemption while scheduling goes on. Upstream: preemption.Executor. */
import { isReason } from '../../api/meta/status-error.ts'
import { nowRfc3339 } from '../../api/meta/time.ts'
import { pods as podsRef } from '../../api/resources.ts'
import type { Pod } from '../../api/types.ts'
import { objectKey } from '../../client/cache/store.ts'
import type { Handle } from '../framework/handle.ts'
import type { Candidate } from './pick-node.ts'
import { priorityOf } from './pod-importance.ts'

const uidOf = (pod: Pod): string => pod.metadata?.uid ?? ''

/** An eviction that is under way; `last` is set when nothing but this victim is left to do. */
interface Preempting {
  last: Pod | undefined
}

export class Evictor {
  readonly #handle: Handle
  readonly #plugin: string
  readonly #preempting = new Map<string, Preempting>()

  constructor(handle: Handle, plugin: string) {
    this.#handle = handle
    this.#plugin = plugin
  }

  /**
   * Whether victims of this Pod are still being told to go: until then it should not be tried again. The last victim's
   * going is what wakes the Pod, and its event may be here before the answer to the request.
   */
  isRunning(pod: Pod): boolean {
    const running = this.#preempting.get(uidOf(pod))
    if (running === undefined) return false
    if (running.last === undefined) return true
    const now = this.#handle.informers.for(podsRef).lister.get(objectKey(running.last))
    return uidOf(now ?? {}) === uidOf(running.last) && now?.metadata?.deletionTimestamp === undefined
  }

  /** Begins; never rejects. If a victim cannot be removed the Pod is tried again at once. */
  evict(pod: Pod, candidate: Candidate): void {
    this.#handle.metrics.preemptionVictims.observe(candidate.pods.length)
    const victims = candidate.pods.filter(({ metadata }) => metadata?.deletionTimestamp === undefined)
    if (victims.length === 0) return
    const running: Preempting = { last: undefined }
    this.#preempting.set(uidOf(pod), running)
    void this.#evictAll(pod, { ...candidate, pods: victims }, running)
  }

  async #evictAll(pod: Pod, { nodeName, pods }: Candidate, running: Preempting): Promise<void> {
    const { log } = this.#handle
    const last = pods.at(-1)
    let failed = false
    try {
      await this.#clearNominations(pod, nodeName)
      await Promise.all(pods.slice(0, -1).map((victim) => this.#evictOne(pod, victim, nodeName)))
      running.last = last
      if (last !== undefined) await this.#evictOne(pod, last, nodeName)
    } catch (err) {
      failed = true
      log.error({ err, pod: objectKey(pod), node: nodeName }, 'preemption failed')
    }
    this.#preempting.delete(uidOf(pod))
    // Nothing that happens need wake it.
    if (failed) this.#handle.activate([pod])
  }

  async #evictOne(preemptor: Pod, victim: Pod, nodeName: string): Promise<void> {
    const { client, clock, recorder, waitingPods } = this.#handle
    const { name = '', namespace = '', generation, uid } = victim.metadata ?? {}
    const waiting = waitingPods.get(uidOf(victim))
    if (waiting === undefined) {
      const condition = {
        type: 'DisruptionTarget',
        status: 'True',
        reason: 'PreemptionByScheduler',
        message: `${preemptor.spec?.schedulerName ?? 'default-scheduler'}: preempting to accommodate a higher priority pod`,
        observedGeneration: generation,
        lastTransitionTime: nowRfc3339(clock.now()),
      }
      try {
        const body = { metadata: { uid }, status: { conditions: [condition] } }
        await client.patch(podsRef, name, namespace, body, { type: 'strategic', subresource: 'status' })
        await client.delete(podsRef, name, namespace, uid === undefined ? {} : { preconditions: { uid } })
      } catch (error) {
        // Gone already, or another one of that name.
        if (isReason(error, 'NotFound', 'Conflict')) return
        throw error
      }
    } else waiting.reject(this.#plugin, 'preempted')
    recorder.event(victim, 'Normal', 'Preempted', `Preempted by pod ${preemptor.metadata?.uid} on node ${nodeName}`)
  }

  /** Less important Pods that were promised the node may no longer fit: they should look elsewhere. */
  async #clearNominations(pod: Pod, nodeName: string): Promise<void> {
    const { client, nominator, log } = this.#handle
    const others = nominator
      .nominatedPodsForNode(nodeName)
      .filter((other) => priorityOf(other) < priorityOf(pod) && (other.status?.nominatedNodeName ?? '') !== '')
    await Promise.all(
      others.map(async (other) => {
        const { name = '', namespace = '', uid } = other.metadata ?? {}
        const body = { metadata: { uid }, status: { nominatedNodeName: null } }
        try {
          await client.patch(podsRef, name, namespace, body, { type: 'strategic', subresource: 'status' })
        } catch (err) {
          if (!isReason(err, 'NotFound', 'Conflict'))
            log.error({ err, pod: objectKey(other) }, 'nomination not cleared')
        }
      }),
    )
  }
}
