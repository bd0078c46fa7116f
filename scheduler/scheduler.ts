/** The scheduler: informers fill queue and cache, the loop takes Pods one by one, binding goes on in the background. */
import { namespaces as namespacesRef, pods as podsRef } from '../api/resources.ts'
import type { Pod } from '../api/types.ts'
import type { InformerFactory } from '../client/cache/informer.ts'
import { objectKey } from '../client/cache/store.ts'
import type { EventRecorder } from '../client/events/event-recorder.ts'
import type { RestClient } from '../client/rest/rest-client.ts'
import type { Clock } from '../component-base/clock.ts'
import type { Logger } from '../component-base/logging/logger.ts'
import { runBindingCycle } from './binding/binding-cycle.ts'
import { WaitingPods } from './binding/waiting-pods.ts'
import { SchedulerCache } from './cache/cache.ts'
import type { ExtenderSpec } from './config/types.ts'
import { addEventHandlers } from './event-handlers.ts'
import { createHttpExtender } from './extenders/http-extender.ts'
import { Attempts } from './explanation/attempts.ts'
import { explain, type Explanation } from './explanation/explanation.ts'
import { type Failure, reportFailure } from './failure.ts'
import type { CycleState } from './framework/cycle-state.ts'
import { type FitDiagnosis, fitErrorMessage, newDiagnosis, rejectNode } from './framework/diagnosis.ts'
import type { ClusterEvent } from './framework/events.ts'
import type { Extender } from './framework/extender.ts'
import type { Framework } from './framework/framework.ts'
import type { Handle } from './framework/handle.ts'
import type { Rejection, Wait } from './framework/status.ts'
import type { SchedulerMetrics, SchedulerState } from './metrics.ts'
import { createFramework, type ProfileConfig } from './profiles.ts'
import { Nominator } from './queue/nominator.ts'
import { noRejectors, type QueuedPod } from './queue/queued-pod.ts'
import { type Listeners, listenersOf, registrationsOf } from './queue/requeue.ts'
import { SchedulingQueue } from './queue/scheduling-queue.ts'
import { schedulePod, type ScheduleResult } from './schedule-pod.ts'

export interface SchedulerOptions {
  readonly client: RestClient
  readonly informers: InformerFactory
  /** Events of a profile come from its schedulerName. */
  readonly recorderOf: (profileName: string) => EventRecorder
  readonly profiles: readonly ProfileConfig[]
  /** Asked in this order. */
  readonly extenders: readonly ExtenderSpec[]
  readonly initialBackoffMs: number
  readonly maxBackoffMs: number
  readonly metrics: SchedulerMetrics
  readonly clock: Clock
  readonly random: () => number
  readonly log: Logger
  readonly signal: AbortSignal
}

interface Profile {
  readonly framework: Framework
  readonly listeners: Listeners
  readonly recorder: EventRecorder
  readonly percentageOfNodesToScore: number
}

/** A node was chosen and all reserved. */
interface Reserved {
  readonly queued: QueuedPod
  readonly profile: Profile
  readonly pod: Pod
  readonly nodeName: string
  readonly cycle: CycleState
  readonly waits: ReadonlyMap<string, Wait>
}

/** Bindings under way at once: enough to keep the API server busy, not so many that a queue builds up in it. */
const maxBindings = 64
/** How long the loop may keep watch events and answers waiting. */
const burstMs = 10
const maxUnschedulableMs = 5 * 60_000

const defaultSchedulerName = 'default-scheduler'
const uidOf = (pod: Pod): string => pod.metadata?.uid ?? ''
const assumedPodGone: ClusterEvent = { resource: 'AssignedPod', action: 'Delete' }

export class Scheduler {
  readonly #options: SchedulerOptions
  readonly #cache: SchedulerCache
  readonly #queue: SchedulingQueue
  readonly #nominator = new Nominator()
  readonly #waitingPods: WaitingPods
  readonly #attempts = new Attempts()
  readonly #profiles: ReadonlyMap<string, Profile>
  readonly #extenders: readonly Extender[]
  #startIndex = 0
  #bindings = 0
  /** `scheduled`: a burst comes in the next turn; `busy`: a cycle waits for somebody outside. */
  #loop: 'starting' | 'idle' | 'scheduled' | 'busy' = 'starting'
  /** Ends when this scheduler leads no longer: from then on it binds nothing. */
  #leading = AbortSignal.abort()

  constructor(options: SchedulerOptions) {
    this.#options = options
    const { informers, profiles, clock } = options
    this.#cache = new SchedulerCache(informers.for(namespacesRef).lister)
    this.#waitingPods = new WaitingPods(clock)
    this.#extenders = options.extenders.map((spec) => createHttpExtender(spec, this.#cache))
    this.#profiles = new Map(profiles.map((config) => [config.schedulerName, this.#createProfile(config)]))
    this.#queue = this.#createQueue()
    addEventHandlers(
      informers,
      {
        cache: this.#cache,
        queue: this.#queue,
        nominator: this.#nominator,
        isOurs: (pod) => this.#profileOf(pod) !== undefined,
        onGone: (pod) => {
          this.#attempts.delete(uidOf(pod))
          this.#waitingPods.get(uidOf(pod))?.reject('', 'the Pod is gone')
        },
      },
      [...this.#profiles.values()].flatMap(({ framework }) => framework.plugins.all.flatMap(registrationsOf)),
    )
  }

  /** Schedules, from now on and until the signal is aborted: that of the options, or one that is aborted before it. */
  async run(signal: AbortSignal): Promise<void> {
    const { informers, log } = this.#options
    informers.start(signal)
    await informers.whenSynced(signal)
    this.#leading = signal
    this.#loop = 'idle'
    log.debug('caches are synced')
    this.#kick()
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve()
      signal.addEventListener('abort', () => resolve(), { once: true })
    })
  }

  /** Why a Pod waits that was tried; undefined for others. */
  explain(namespace: string, name: string): Explanation | undefined {
    const pod = this.#options.informers.for(podsRef).lister.get(`${namespace}/${name}`)
    const attempt = pod === undefined || (pod.spec?.nodeName ?? '') !== '' ? undefined : this.#attempts.get(pod)
    return attempt === undefined ? undefined : explain(attempt, this.#cache)
  }

  /** What metrics read. */
  get state(): SchedulerState {
    return {
      pending: () => this.#queue.counts(),
      cacheSize: () => this.#cache.size,
      bindings: () => this.#bindings,
      unschedulable: () => countRejections(this.#queue.pods()),
    }
  }

  #createProfile(config: ProfileConfig): Profile {
    const { client, informers, recorderOf, clock, random, log, signal, metrics } = this.#options
    const recorder = recorderOf(config.schedulerName)
    const handleOf = (runner: () => Framework): Handle => ({
      profileName: config.schedulerName,
      snapshot: this.#cache,
      nominator: this.#nominator,
      get runner() {
        return runner()
      },
      client,
      informers,
      recorder,
      clock,
      random,
      log,
      metrics,
      extenders: this.#extenders,
      waitingPods: this.#waitingPods,
      activate: (pods) => this.#queue.activate(pods),
      signal,
    })
    const observer = metrics.observerOf(config.schedulerName)
    const framework = createFramework(config, { nominator: this.#nominator, observer, handleOf })
    const { percentageOfNodesToScore } = config
    return { framework, listeners: listenersOf(framework.plugins.all), recorder, percentageOfNodesToScore }
  }

  #createQueue(): SchedulingQueue {
    const { clock, initialBackoffMs, maxBackoffMs, metrics } = this.#options
    const profiles = [...this.#profiles.values()]
    const less = profiles[0]?.framework.plugins.queueSort
    return new SchedulingQueue({
      clock,
      less: (a, b) => less?.less(a, b) ?? false,
      preEnqueue: (pod) => this.#profileOf(pod)?.framework.preEnqueue(pod),
      listeners: (pod) => this.#profileOf(pod)?.listeners ?? (() => []),
      isHeard: (event) => profiles.some(({ listeners }) => listeners(event).length > 0),
      initialBackoffMs,
      maxBackoffMs,
      maxUnschedulableMs,
      onReady: () => this.#kick(),
      onIncoming: metrics.onIncoming,
    })
  }

  #interested(pod: Pod): readonly Extender[] {
    return this.#extenders.filter((extender) => extender.isInterested(pod))
  }

  #profileOf(pod: Pod): Profile | undefined {
    return this.#profiles.get(pod.spec?.schedulerName ?? defaultSchedulerName)
  }

  /** Schedules a burst of cycles in the next turn of the event loop; does nothing if one is coming already. */
  #kick(): void {
    if (this.#loop !== 'idle' || this.#leading.aborted) return
    this.#loop = 'scheduled'
    setImmediate(() => {
      this.#loop = 'busy'
      void this.#burst().finally(() => {
        this.#loop = 'idle'
        if (this.#bindings < maxBindings && this.#queue.isReady()) this.#kick()
      })
    })
  }

  async #burst(): Promise<void> {
    const startedAt = performance.now()
    while (this.#bindings < maxBindings && performance.now() - startedAt < burstMs && !this.#leading.aborted) {
      const next = this.#queue.pop()
      if (next === undefined) return
      const waits = this.#scheduleOne(next)
      if (waits !== undefined) await waits
    }
  }

  /** Undefined: it is done; else a promise that never rejects. */
  #scheduleOne(queued: QueuedPod): Promise<void> | undefined {
    const { pod } = queued
    const profile = this.#profileOf(pod)
    if (profile === undefined || this.#cache.isAssumed(uidOf(pod))) {
      this.#queue.done(uidOf(pod))
      return undefined
    }
    const startedAt = performance.now()
    const interested = this.#interested(pod)
    try {
      const result = schedulePod(pod, {
        framework: profile.framework,
        snapshot: this.#cache,
        percentageOfNodesToScore: profile.percentageOfNodesToScore,
        startIndex: this.#startIndex,
        random: this.#options.random,
        extenders: interested,
      })
      if (!(result instanceof Promise)) return this.#conclude(queued, profile, { result, startedAt })
      return result.then(
        (found) => this.#conclude(queued, profile, { result: found, startedAt }),
        (error: unknown) => this.#fail(queued, profile, { error }),
      )
    } catch (error) {
      this.#fail(queued, profile, { error })
      return undefined
    }
  }

  #conclude(
    queued: QueuedPod,
    profile: Profile,
    { result, startedAt }: { result: ScheduleResult; startedAt: number },
  ): Promise<void> | undefined {
    const { metrics } = this.#options
    metrics.onAlgorithm((performance.now() - startedAt) / 1000)
    if (result.type === 'noNodes') {
      this.#fail(queued, profile, { message: 'no nodes available to schedule pods' })
      return undefined
    }
    this.#startIndex = (this.#startIndex + result.evaluatedNodes) % Math.max(1, this.#cache.nodes.length)
    if (result.type === 'unschedulable') return this.#afterNoFit(queued, profile, result)
    this.#reserveAndBind(queued, profile, result)
    return undefined
  }

  /** PostFilter may make room for the next attempt. Never rejects. */
  async #afterNoFit(
    queued: QueuedPod,
    profile: Profile,
    { diagnosis, cycle }: { diagnosis: FitDiagnosis; cycle: CycleState },
  ): Promise<void> {
    let nominatedNodeName: string | undefined = ''
    if (profile.framework.plugins.postFilter.length > 0) {
      try {
        const result = await profile.framework.postFilter(cycle, queued.pod, diagnosis)
        nominatedNodeName = result.nominatedNodeName
        diagnosis.postFilterMessage = result.rejection?.reasons.join(', ') ?? ''
      } catch (error) {
        nominatedNodeName = undefined
        diagnosis.postFilterMessage = (error as Error).message
        this.#options.log.error({ err: error, pod: objectKey(queued.pod) }, 'PostFilter failed')
      }
    }
    this.#fail(queued, profile, { diagnosis, nominatedNodeName })
  }

  #reserveAndBind(
    queued: QueuedPod,
    profile: Profile,
    { nodeName, cycle }: { nodeName: string; cycle: CycleState },
  ): void {
    const pod = this.#cache.assume(queued.pod, nodeName)
    this.#nominator.remove(uidOf(pod))
    const undo = (): void => {
      profile.framework.unreserve(cycle, pod, nodeName)
      this.#cache.forget(pod)
    }
    let permitted: Rejection | ReadonlyMap<string, Wait>
    try {
      permitted = profile.framework.reserve(cycle, pod, nodeName) ?? profile.framework.permit(cycle, pod, nodeName)
    } catch (error) {
      undo()
      return this.#fail(queued, profile, { error })
    }
    if ('code' in permitted) {
      undo()
      return this.#fail(queued, profile, { nodeName, rejection: permitted })
    }
    this.#bindings++
    void this.#bind({ queued, profile, pod, nodeName, cycle, waits: permitted })
  }

  async #bind(reserved: Reserved): Promise<void> {
    const { queued, profile, pod, nodeName, cycle, waits } = reserved
    const { client, metrics, clock } = this.#options
    try {
      const rejection = await runBindingCycle(
        {
          pod,
          nodeName,
          cycle,
          framework: profile.framework,
          waits,
          extenders: this.#interested(pod),
        },
        {
          client,
          waitingPods: this.#waitingPods,
          signal: this.#leading,
          onPermitted: () => this.#queue.done(uidOf(pod)),
          onWaited: metrics.onPermitWait,
        },
      )
      if (rejection !== undefined) return this.#undoBinding(reserved, { nodeName, rejection })
      this.#attempts.delete(uidOf(pod))
      metrics.onAttempt('scheduled', profile.framework.profileName, this.#secondsOf(queued))
      metrics.onScheduled(queued.attempts, (clock.now() - (queued.firstAttemptAt ?? queued.addedAt)) / 1000)
      profile.recorder.event(pod, 'Normal', 'Scheduled', `Successfully assigned ${objectKey(pod)} to ${nodeName}`)
    } catch (error) {
      this.#undoBinding(reserved, { error })
    } finally {
      this.#bindings--
      this.#kick()
    }
  }

  #undoBinding({ queued, profile, pod, nodeName, cycle }: Reserved, why: Why): void {
    profile.framework.unreserve(cycle, pod, nodeName)
    this.#cache.forget(pod)
    // What it held is free for others; it is no news to the Pod itself that it left.
    const change = { old: pod, current: undefined }
    if ('error' in why) this.#queue.onEvent(assumedPodGone, change)
    this.#fail(queued, profile, why)
    if (!('error' in why)) this.#queue.onEvent(assumedPodGone, change, uidOf(pod))
  }

  /** The Pod goes back to the queue, and its user is told why. */
  #fail(queued: QueuedPod, profile: Profile, why: Why): void {
    const { metrics, informers, log, client, clock } = this.#options
    const { failure, diagnosis } = this.#explain(why)
    const result = failure.reason === 'Unschedulable' ? 'unschedulable' : 'error'
    metrics.onAttempt(result, profile.framework.profileName, this.#secondsOf(queued))
    if ('error' in why) log.error({ err: why.error, pod: objectKey(queued.pod) }, 'scheduling failed')
    const current = informers.for(podsRef).lister.get(objectKey(queued.pod))
    const waits = current !== undefined && uidOf(current) === uidOf(queued.pod) && (current.spec?.nodeName ?? '') === ''
    if (!waits || current.metadata?.deletionTimestamp !== undefined) return this.#queue.done(uidOf(queued.pod))
    queued.pod = current
    this.#queue.failed(queued, diagnosis ?? noRejectors)
    const { message, nominatedNodeName } = failure
    const { attempts } = queued
    this.#attempts.set({ pod: current, timeMs: clock.now(), attempts, message, nominatedNodeName, diagnosis })
    // At once, not by the watch: the next Pod's cycle must know.
    if (failure.nominatedNodeName !== undefined) this.#nominator.nominate(current, failure.nominatedNodeName)
    void reportFailure(current, failure, { client, recorder: profile.recorder, clock, log })
  }

  /** Since the Pod was popped. */
  #secondsOf({ attemptAt }: QueuedPod): number {
    return (this.#options.clock.now() - attemptAt) / 1000
  }

  #explain(why: Why): { readonly failure: Failure; readonly diagnosis?: FitDiagnosis } {
    if ('error' in why) {
      const message = why.error instanceof Error ? why.error.message : String(why.error)
      return { failure: { reason: 'SchedulerError', message, nominatedNodeName: '' } }
    }
    if ('message' in why) {
      return { failure: { reason: 'Unschedulable', message: why.message, nominatedNodeName: '' } }
    }
    if ('diagnosis' in why) {
      const { diagnosis, nominatedNodeName } = why
      const message = fitErrorMessage(diagnosis, this.#cache.nodes.length)
      return { failure: { reason: 'Unschedulable', message, nominatedNodeName }, diagnosis }
    }
    const diagnosis = newDiagnosis()
    rejectNode(diagnosis, why.nodeName, why.rejection)
    const message = fitErrorMessage(diagnosis, 1)
    return { failure: { reason: 'Unschedulable', message, nominatedNodeName: '' }, diagnosis }
  }
}

/** How many waiting Pods each plugin has rejected. */
const countRejections = (pods: Iterable<QueuedPod>): { plugin: string; profile: string; pods: number }[] => {
  const counts = new Map<string, { plugin: string; profile: string; pods: number }>()
  for (const { pod, rejectors } of pods) {
    const profile = pod.spec?.schedulerName ?? defaultSchedulerName
    for (const plugin of rejectors.unschedulablePlugins) {
      const key = `${profile}/${plugin}`
      const known = counts.get(key) ?? { plugin, profile, pods: 0 }
      counts.set(key, known)
      known.pods++
    }
  }
  return [...counts.values()]
}

/** Why a Pod was not bound. */
type Why =
  | { readonly error: unknown }
  | { readonly message: string }
  | { readonly diagnosis: FitDiagnosis; readonly nominatedNodeName: string | undefined }
  | { readonly nodeName: string; readonly rejection: Rejection }
