import type { Pod } from '../../api/types.ts'
import type { Clock, TimerHandle } from '../../component-base/clock.ts'
import { type ChangedObject, type ClusterEvent, eventLabel } from '../framework/events.ts'
import { podActions } from '../framework/object-changes.ts'
import type { QueuedPodInfo } from '../framework/plugin.ts'
import type { Rejection } from '../framework/status.ts'
import { EventLog } from './event-log.ts'
import { Heap } from './heap.ts'
import { backoffEnd, newQueuedPod, type QueuedPod, windowOf } from './queued-pod.ts'
import { type Listeners, type Rejectors, type Requeue, worthRequeuing } from './requeue.ts'

export interface SchedulingQueueOptions {
  readonly clock: Clock
  /** QueueSort: who comes first. */
  readonly less: (a: QueuedPodInfo, b: QueuedPodInfo) => boolean
  /** Of the Pod's profile: a rejection keeps it gated. */
  readonly preEnqueue: (pod: Pod) => Rejection | undefined
  /** Of the Pod's profile. */
  readonly listeners: (pod: Pod) => Listeners
  /** Whether any profile listens to an event: else nobody is looked at. */
  readonly isHeard: (event: ClusterEvent) => boolean
  readonly initialBackoffMs: number
  readonly maxBackoffMs: number
  /** A Pod that nothing woke is tried again after this time. Upstream: podMaxInUnschedulablePodsDuration. */
  readonly maxUnschedulableMs: number
  /** Called when there is something to pop. */
  readonly onReady: () => void
  /** A Pod came into a queue by an event. */
  readonly onIncoming?: (queue: 'active' | 'backoff' | 'unschedulable', event: string) => void
}

/** Pods by where they wait, as metrics show them. */
export interface PendingPods {
  readonly active: number
  readonly backoff: number
  readonly unschedulable: number
  readonly gated: number
}

/** How often Pods are looked for that wait too long. */
const flushIntervalMs = 30_000

const uidOf = (pod: Pod): string => pod.metadata?.uid ?? ''

const scheduleAttemptFailure = 'ScheduleAttemptFailure'
const nothingChanged: ChangedObject = { old: undefined, current: undefined }

interface HeapEntry {
  readonly queued: QueuedPod
  readonly ticket: number
}

/**
 * Pods without a node. Each is in exactly one place:
 *
 *     add ──► active ──pop──► in flight ──done──► (bound)
 *      │        ▲  ▲              │ failed
 *      │        │  └─ nothing ────┤ an event that helps came meanwhile, or it was an error
 *      │        │    more urgent  ▼
 *    gated ─event─► backoff ◄──event── unschedulable ── 5 min ──► active
 *
 * PreEnqueue guards the way into active and backoff. A Pod in back-off is also popped when nothing is active, other than
 * after errors: then waiting would help nobody. Upstream: backend/queue/scheduling_queue.go.
 */
export class SchedulingQueue {
  readonly #options: SchedulingQueueOptions
  readonly #active: Heap<HeapEntry>
  readonly #backoff: Heap<HeapEntry>
  readonly #errorBackoff: Heap<HeapEntry>
  readonly #pods = new Map<string, QueuedPod>()
  readonly #log = new EventLog()
  readonly #counts = { active: 0, backoff: 0, unschedulable: 0, gated: 0, inFlight: 0 }
  #timer: { readonly at: number; readonly handle: TimerHandle } | undefined
  #flushing = false

  constructor(options: SchedulingQueueOptions) {
    this.#options = options
    const less = (a: HeapEntry, b: HeapEntry): boolean => options.less(a.queued, b.queued)
    const sooner = (a: HeapEntry, b: HeapEntry): boolean =>
      a.queued.backoffUntil === b.queued.backoffUntil ? less(a, b) : a.queued.backoffUntil < b.queued.backoffUntil
    this.#active = new Heap(less)
    this.#backoff = new Heap(sooner)
    this.#errorBackoff = new Heap(sooner)
  }

  counts(): PendingPods {
    const { active, backoff, unschedulable, gated } = this.#counts
    return { active, backoff, unschedulable, gated }
  }

  /** Pods that wait or are in flight. */
  pods(): Iterable<QueuedPod> {
    return this.#pods.values()
  }

  get(uid: string): QueuedPod | undefined {
    return this.#pods.get(uid)
  }

  /** A Pod without a node, new or changed. A change that helps it wakes it. */
  set(pod: Pod): void {
    const known = this.#pods.get(uidOf(pod))
    if (known === undefined) {
      const queued = newQueuedPod(pod, this.#options.clock.now())
      this.#pods.set(uidOf(pod), queued)
      this.#counts.gated++
      return this.#toActive(queued, 'PodAdd')
    }
    const old = known.pod
    known.pod = pod
    if (known.state === 'active' || known.state === 'backoff') return
    for (const action of podActions(old, pod)) {
      const happened = { event: { resource: 'TargetPod', action } as const, change: { old, current: pod } }
      if (known.state === 'inFlight') this.#log.append(happened)
      else if (this.#wake(known, happened)) return
    }
  }

  delete(uid: string): void {
    const queued = this.#pods.get(uid)
    if (queued === undefined) return
    this.#log.close(uid)
    this.#counts[queued.state]--
    queued.ticket++
    this.#pods.delete(uid) // a heap entry of it is skipped when it is popped
  }

  /** Whether `pop` has something. */
  isReady(): boolean {
    return this.#first(this.#active) !== undefined || this.#first(this.#backoff) !== undefined
  }

  /** The next Pod to schedule, or undefined. It is in flight until `done` or `failed`. */
  pop(): QueuedPod | undefined {
    const queued = this.#take(this.#active) ?? this.#take(this.#backoff)
    if (queued === undefined) return undefined
    const now = this.#options.clock.now()
    this.#move(queued, 'inFlight')
    queued.attempts++
    queued.firstAttemptAt ??= now
    queued.attemptAt = now
    queued.backoffUntil = 0
    this.#log.open(uidOf(queued.pod))
    return queued
  }

  /** It has, or will have, a node: the queue forgets it. */
  done(uid: string): void {
    this.delete(uid)
  }

  /**
   * No node took the Pod; no rejectors: it was an error. A Pod that came back from binding joins the queue again. A Pod
   * that was deleted meanwhile does not: that is the caller's to know.
   */
  failed(queued: QueuedPod, rejectors: Rejectors): void {
    const uid = uidOf(queued.pod)
    const known = this.#pods.get(uid)
    if (known !== undefined && known !== queued) return
    if (known === undefined) {
      this.#pods.set(uid, queued)
      queued.state = 'inFlight'
      this.#counts.inFlight++
    }
    queued.timestamp = this.#options.clock.now()
    queued.rejectors = rejectors
    const isError = rejectors.unschedulablePlugins.size === 0
    if (!isError) queued.unschedulableCount++
    queued.consecutiveErrors = isError ? queued.consecutiveErrors + 1 : 0
    const requeue = isError ? 'afterBackoff' : this.#missed(queued)
    this.#log.close(uid)
    if (requeue !== 'skip') return this.#requeue(queued, requeue, scheduleAttemptFailure)
    this.#toUnschedulable(queued, scheduleAttemptFailure)
  }

  /** Something changed in the cluster: wakes the Pods that it may help. */
  onEvent(event: ClusterEvent, change: ChangedObject = nothingChanged, except?: string): void {
    if (!this.#options.isHeard(event)) return
    this.#log.append({ event, change })
    if (this.#counts.unschedulable + this.#counts.gated === 0) return
    for (const queued of this.#pods.values()) {
      if (queued.state !== 'unschedulable' && queued.state !== 'gated') continue
      if (except !== undefined && uidOf(queued.pod) === except) continue
      this.#wake(queued, { event, change })
    }
  }

  /** Tries Pods now, whatever they wait for; gates hold nevertheless. Upstream: Activate, event ForceActivate. */
  activate(pods: readonly Pod[]): void {
    for (const pod of pods) {
      const queued = this.#pods.get(uidOf(pod))
      if (queued !== undefined && queued.state !== 'active' && queued.state !== 'inFlight') {
        this.#toActive(queued, 'ForceActivate')
      }
    }
  }

  /** Its first entry that still holds. */
  #first(heap: Heap<HeapEntry>): QueuedPod | undefined {
    for (let entry = heap.peek(); entry !== undefined; entry = heap.peek()) {
      if (entry.ticket === entry.queued.ticket) return entry.queued
      heap.pop()
    }
    return undefined
  }

  /** Takes it out: what orders it changes from here on, and a heap must not have that in it. */
  #take(heap: Heap<HeapEntry>): QueuedPod | undefined {
    const queued = this.#first(heap)
    if (queued !== undefined) heap.pop()
    return queued
  }

  /** What the events meant that came while it was in flight. */
  #missed(queued: QueuedPod): Requeue {
    const listeners = this.#options.listeners(queued.pod)
    let strongest: Requeue = 'skip'
    for (const happened of this.#log.since(uidOf(queued.pod))) {
      const requeue = worthRequeuing(queued.pod, queued.rejectors, { ...happened, listeners })
      if (requeue === 'immediately') return requeue
      if (requeue === 'afterBackoff') strongest = requeue
    }
    return strongest
  }

  #wake(queued: QueuedPod, { event, change }: { event: ClusterEvent; change: ChangedObject }): boolean {
    const listeners = this.#options.listeners(queued.pod)
    const requeue = worthRequeuing(queued.pod, queued.rejectors, { event, change, listeners })
    if (requeue !== 'skip') this.#requeue(queued, requeue, eventLabel(event))
    return requeue !== 'skip'
  }

  #requeue(queued: QueuedPod, requeue: Exclude<Requeue, 'skip'>, event: string): void {
    if (requeue === 'immediately') return this.#toActive(queued, event)
    if (queued.backoffUntil === 0) queued.backoffUntil = backoffEnd(queued, this.#options)
    if (queued.backoffUntil <= windowOf(this.#options.clock.now())) return this.#toActive(queued, event)
    if (!this.#passesGates(queued, event)) return
    this.#move(queued, 'backoff')
    const heap = queued.consecutiveErrors > 0 ? this.#errorBackoff : this.#backoff
    heap.push({ queued, ticket: queued.ticket })
    this.#options.onIncoming?.('backoff', event)
    this.#wakeAt(queued.backoffUntil)
    this.#options.onReady()
  }

  #toActive(queued: QueuedPod, event: string): void {
    if (!this.#passesGates(queued, event)) return
    this.#move(queued, 'active')
    this.#active.push({ queued, ticket: queued.ticket })
    this.#options.onIncoming?.('active', event)
    this.#options.onReady()
  }

  #passesGates(queued: QueuedPod, event: string): boolean {
    const rejection = this.#options.preEnqueue(queued.pod)
    if (rejection === undefined) return true
    const { unschedulablePlugins, pendingPlugins } = queued.rejectors
    const plugins = new Set(unschedulablePlugins).add(rejection.plugin ?? '')
    queued.rejectors = { unschedulablePlugins: plugins, pendingPlugins }
    const isNew = queued.ticket === 0
    if (isNew || queued.state !== 'gated') this.#options.onIncoming?.('unschedulable', event)
    this.#move(queued, 'gated')
    this.#startFlushing()
    return false
  }

  #toUnschedulable(queued: QueuedPod, event: string): void {
    this.#move(queued, 'unschedulable')
    this.#options.onIncoming?.('unschedulable', event)
    this.#startFlushing()
  }

  #move(queued: QueuedPod, state: QueuedPod['state']): void {
    this.#counts[queued.state]--
    this.#counts[state]++
    queued.state = state
    queued.ticket++
  }

  /** One timer for all back-offs: for the one that ends first. */
  #wakeAt(at: number): void {
    const { clock } = this.#options
    if (this.#timer !== undefined) {
      if (this.#timer.at <= at) return
      clock.clearTimeout(this.#timer.handle)
    }
    const handle = clock.setTimeout(() => this.#flushBackoff(), Math.max(0, at - clock.now()))
    handle.unref?.()
    this.#timer = { at, handle }
  }

  #flushBackoff(): void {
    this.#timer = undefined
    const now = this.#options.clock.now()
    for (const heap of [this.#backoff, this.#errorBackoff]) {
      for (let entry = heap.peek(); entry !== undefined; entry = heap.peek()) {
        const { queued, ticket } = entry
        const isVoid = ticket !== queued.ticket
        if (!isVoid && queued.backoffUntil > now) {
          this.#wakeAt(queued.backoffUntil)
          break
        }
        heap.pop()
        if (!isVoid) this.#toActive(queued, 'BackoffComplete')
      }
    }
  }

  #startFlushing(): void {
    if (this.#flushing) return
    this.#flushing = true
    const { clock } = this.#options
    const handle = clock.setTimeout(() => {
      this.#flushing = false
      this.#flushUnschedulable()
      if (this.#counts.unschedulable + this.#counts.gated > 0) this.#startFlushing()
    }, flushIntervalMs)
    handle.unref?.()
  }

  #flushUnschedulable(): void {
    const oldest = this.#options.clock.now() - this.#options.maxUnschedulableMs
    const event: ClusterEvent = { resource: '*', action: 'UpdateOther', label: 'UnschedulableTimeout' }
    for (const queued of this.#pods.values()) {
      const waits = queued.state === 'unschedulable' || queued.state === 'gated'
      if (waits && queued.timestamp < oldest) this.#wake(queued, { event, change: nothingChanged })
    }
  }
}
