/** The scheduler: informers fill queue and cache, the loop takes Pods one by one, binding goes on in the background. */
import { isReason } from '../api/meta/status-error.ts'
import { namespaces as namespacesRef, nodes as nodesRef, pods as podsRef } from '../api/resources.ts'
import type { Node, Pod } from '../api/types.ts'
import type { InformerFactory } from '../client/cache/informer.ts'
import type { EventRecorder } from '../client/events/event-recorder.ts'
import type { RestClient } from '../client/rest/rest-client.ts'
import { nowRfc3339 } from '../api/meta/time.ts'
import type { Clock } from '../component-base/clock.ts'
import type { Logger } from '../component-base/logging/logger.ts'
import { SchedulerCache } from './cache/cache.ts'
import type { ClusterEvent } from './framework/plugin.ts'
import type { SchedulerMetrics } from './metrics.ts'
import { SchedulingQueue } from './queue/scheduling-queue.ts'
import { type Profile, schedulePod, type ScheduleResult } from './schedule-pod.ts'

export interface SchedulerOptions {
  readonly client: RestClient
  readonly informers: InformerFactory
  readonly recorder: EventRecorder
  readonly profiles: ReadonlyMap<string, Profile>
  readonly metrics: SchedulerMetrics
  readonly clock: Clock
  readonly random: () => number
  readonly log: Logger
  readonly signal: AbortSignal
}

/** Bindings under way at once: enough to keep the API server busy, not so many that a queue builds up in it. */
const maxBindings = 64

const hasNode = (pod: Pod): boolean => (pod.spec?.nodeName ?? '') !== ''
const isTerminal = (pod: Pod): boolean => pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed'
const keyOf = (pod: Pod): string => `${pod.metadata?.namespace}/${pod.metadata?.name}`
const uidOf = (pod: Pod): string => pod.metadata?.uid ?? ''

/** Node fields that plugins look at: heartbeats change none of them. */
const schedulingView = (node: Node): string =>
  JSON.stringify([node.metadata?.labels, node.spec, node.status?.allocatable, node.status?.images?.length])

export class Scheduler {
  readonly #options: SchedulerOptions
  readonly #cache: SchedulerCache
  readonly #queue: SchedulingQueue
  /** Which plugins ask to be told of which event: decides whom an event wakes. */
  readonly #listeners = new Map<ClusterEvent, Set<string>>()
  #startIndex = 0
  #bindings = 0
  #synced = false
  #scheduled = false

  constructor(options: SchedulerOptions) {
    this.#options = options
    const { informers, profiles, clock } = options
    this.#cache = new SchedulerCache(informers.for(namespacesRef).lister)
    for (const profile of profiles.values()) {
      for (const plugin of profile.filters) {
        for (const event of plugin.events) {
          this.#listeners.set(event, (this.#listeners.get(event) ?? new Set()).add(plugin.name))
        }
      }
    }
    this.#queue = new SchedulingQueue({
      clock,
      mayHelp: (event, rejectedBy) => {
        const listeners = this.#listeners.get(event)
        return listeners !== undefined && [...rejectedBy].some((name) => listeners.has(name))
      },
      onReady: () => this.#kick(),
    })
    this.#watchNodes()
    this.#watchPods()
  }

  /** Runs until the signal is aborted. */
  async run(): Promise<void> {
    const { informers, signal, log } = this.#options
    informers.start(signal)
    await informers.whenSynced(signal)
    this.#synced = true
    log.debug('caches are synced')
    this.#kick()
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve()
      signal.addEventListener('abort', () => resolve(), { once: true })
    })
  }

  #watchNodes(): void {
    this.#options.informers.for(nodesRef).addHandler({
      onAdd: (node) => {
        this.#cache.setNode(node)
        this.#queue.onEvent('Node/Add')
      },
      onUpdate: (old, node) => {
        this.#cache.setNode(node)
        if (schedulingView(old) !== schedulingView(node)) this.#queue.onEvent('Node/Update')
      },
      onDelete: (node) => {
        this.#cache.removeNode(node.metadata?.name ?? '')
        this.#queue.onEvent('Node/Delete')
      },
    })
  }

  #watchPods(): void {
    this.#options.informers.for(podsRef).addHandler({
      onAdd: (pod) => this.#onPod(undefined, pod),
      onUpdate: (old, pod) => this.#onPod(old, pod),
      onDelete: (pod) => {
        this.#queue.delete(uidOf(pod))
        this.#cache.removePod(uidOf(pod))
        if (hasNode(pod)) this.#queue.onEvent('AssignedPod/Delete')
      },
    })
  }

  #onPod(old: Pod | undefined, pod: Pod): void {
    if (isTerminal(pod)) {
      this.#queue.delete(uidOf(pod))
      this.#cache.removePod(uidOf(pod))
      if (old !== undefined && !isTerminal(old) && hasNode(old)) this.#queue.onEvent('AssignedPod/Delete')
      return
    }
    if (hasNode(pod)) {
      this.#queue.delete(uidOf(pod))
      this.#cache.setPod(pod)
      const labelsChanged =
        old !== undefined && JSON.stringify(old.metadata?.labels) !== JSON.stringify(pod.metadata?.labels)
      if (old === undefined || !hasNode(old)) this.#queue.onEvent('AssignedPod/Add')
      else if (labelsChanged || old.metadata?.generation !== pod.metadata?.generation)
        this.#queue.onEvent('AssignedPod/Update')
      return
    }
    if (this.#cache.isAssumed(uidOf(pod))) return // its binding is under way
    if (!this.#options.profiles.has(pod.spec?.schedulerName ?? 'default-scheduler')) return
    if (pod.metadata?.deletionTimestamp !== undefined) return this.#queue.delete(uidOf(pod))
    // SchedulingGates: not even queued while a gate is closed; the API server set the condition's reason.
    if ((pod.spec?.schedulingGates ?? []).length > 0) return
    this.#queue.set(pod)
  }

  /** Schedules a burst of cycles in the next turn of the event loop; does nothing if one is coming already. */
  #kick(): void {
    if (this.#scheduled || !this.#synced || this.#options.signal.aborted) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.#burst()
    })
  }

  #burst(): void {
    const startedAt = performance.now()
    while (this.#bindings < maxBindings) {
      // Watch events and answers must get their turn too.
      if (performance.now() - startedAt > 10) return this.#kick()
      const next = this.#queue.pop()
      if (next === undefined) return
      this.#scheduleOne(next.pod, next.addedAt)
    }
  }

  #scheduleOne(pod: Pod, addedAt: number): void {
    const { profiles, metrics, random, log } = this.#options
    const profile = profiles.get(pod.spec?.schedulerName ?? 'default-scheduler')
    if (profile === undefined) return this.#queue.bound(uidOf(pod))
    const startedAt = performance.now()
    let result: ScheduleResult
    try {
      result = schedulePod(pod, this.#cache, { profile, startIndex: this.#startIndex, random })
    } catch (error) {
      metrics.attempts.labels('error').inc()
      log.error({ err: error, pod: keyOf(pod) }, 'scheduling failed')
      return this.#queue.failed(uidOf(pod), new Set())
    }
    metrics.algorithmSeconds.observe((performance.now() - startedAt) / 1000)
    if (result.type === 'unschedulable') {
      metrics.attempts.labels('unschedulable').inc()
      this.#queue.failed(uidOf(pod), result.rejectedBy)
      void this.#reportUnschedulable(pod, result.message)
      return
    }
    this.#startIndex = (this.#startIndex + result.evaluatedNodes) % Math.max(1, this.#cache.nodes.length)
    this.#cache.assume(pod, result.nodeName)
    this.#bindings++
    void this.#bind(pod, result.nodeName, addedAt)
  }

  async #bind(pod: Pod, nodeName: string, addedAt: number): Promise<void> {
    const { client, recorder, metrics, clock, log } = this.#options
    const { name = '', namespace = '' } = pod.metadata ?? {}
    try {
      const binding = {
        apiVersion: 'v1',
        kind: 'Binding',
        metadata: { name, namespace, uid: uidOf(pod) },
        target: { apiVersion: 'v1', kind: 'Node', name: nodeName },
      }
      await client.create(podsRef, binding as unknown as Pod, { subresource: 'binding', name })
      this.#queue.bound(uidOf(pod))
      metrics.attempts.labels('scheduled').inc()
      metrics.podSchedulingSeconds.observe((clock.now() - addedAt) / 1000)
      recorder.event(pod, 'Normal', 'Scheduled', `Successfully assigned ${keyOf(pod)} to ${nodeName}`)
    } catch (error) {
      this.#cache.forget(pod)
      metrics.attempts.labels('error').inc()
      // A Pod that is gone leaves the queue by its deletion event.
      log.debug({ err: error, pod: keyOf(pod), node: nodeName }, 'binding failed')
      this.#queue.failed(uidOf(pod), new Set())
      this.#queue.onEvent('AssignedPod/Delete')
    } finally {
      this.#bindings--
      this.#kick()
    }
  }

  /** The event and the condition that tell the user why the Pod waits. */
  async #reportUnschedulable(pod: Pod, message: string): Promise<void> {
    const { client, recorder, clock, log } = this.#options
    recorder.event(pod, 'Warning', 'FailedScheduling', message)
    const known = pod.status?.conditions?.find(({ type }) => type === 'PodScheduled')
    if (known?.status === 'False' && known.reason === 'Unschedulable' && known.message === message) return
    const condition = {
      type: 'PodScheduled',
      status: 'False',
      reason: 'Unschedulable',
      message,
      observedGeneration: pod.metadata?.generation,
      lastTransitionTime: known?.status === 'False' ? known.lastTransitionTime : nowRfc3339(clock.now()),
    }
    try {
      const { name = '', namespace = '' } = pod.metadata ?? {}
      const body = { metadata: { uid: uidOf(pod) }, status: { conditions: [condition] } }
      await client.patch(podsRef, name, namespace, body, { type: 'strategic', subresource: 'status' })
    } catch (error) {
      // Its next attempt reports again; a Pod that is gone needs no report.
      if (!isReason(error, 'NotFound', 'Conflict')) log.warn({ err: error, pod: keyOf(pod) }, 'condition not written')
    }
  }

  /** Waiting Pods by queue, for metrics. */
  pending(): { active: number; backoff: number; unschedulable: number } {
    return this.#queue.counts()
  }
}
