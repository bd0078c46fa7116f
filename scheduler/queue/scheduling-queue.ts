import type { Clock } from '../../component-base/clock.ts'
import type { Pod } from '../../api/types.ts'
import type { ClusterEvent } from '../framework/plugin.ts'
import { Heap } from './heap.ts'

const initialBackoffMs = 1_000
const maxBackoffMs = 10_000
/** A Pod that nothing woke is tried again after this time. Upstream: podMaxInUnschedulablePodsDuration. */
const maxUnschedulableMs = 5 * 60_000

/**
 * A Pod waits in exactly one place:
 *
 *     add ──► active ──pop──► (in flight) ──► bound, or
 *               ▲                 │ failed
 *               │ back-off over   ▼
 *            backoff ◄──event── unschedulable ──5 min──► active
 */
interface QueuedPod {
  pod: Pod
  readonly addedAt: number
  state: 'active' | 'backoff' | 'unschedulable' | 'inFlight'
  attempts: number
  /** Names of the plugins that rejected it last: only their events wake it. */
  rejectedBy: ReadonlySet<string>
  /** When the last attempt failed. */
  failedAt: number
  /** Events that came while it was in flight. */
  missedEvents: ClusterEvent[]
}

export interface SchedulingQueueOptions {
  readonly clock: Clock
  /** Whether an event may help a Pod that these plugins rejected. */
  readonly mayHelp: (event: ClusterEvent, rejectedBy: ReadonlySet<string>) => boolean
  /** Called when there is something to pop. */
  readonly onReady: () => void
}

const priorityOf = (queued: QueuedPod): number => queued.pod.spec?.priority ?? 0

/** QueueSort PrioritySort: the higher priority first, then the older. */
const before = (a: QueuedPod, b: QueuedPod): boolean => {
  const difference = priorityOf(a) - priorityOf(b)
  return difference === 0 ? a.addedAt < b.addedAt : difference > 0
}

const backoffMs = (attempts: number): number =>
  Math.min(maxBackoffMs, initialBackoffMs * 2 ** Math.max(0, attempts - 1))

export class SchedulingQueue {
  readonly #options: SchedulingQueueOptions
  readonly #active = new Heap<QueuedPod>(before)
  readonly #pods = new Map<string, QueuedPod>()

  constructor(options: SchedulingQueueOptions) {
    this.#options = options
  }

  /** Number of Pods that wait, by where. Upstream: metric scheduler_pending_pods. */
  counts(): { active: number; backoff: number; unschedulable: number } {
    const counts = { active: 0, backoff: 0, unschedulable: 0 }
    for (const { state } of this.#pods.values()) if (state !== 'inFlight') counts[state]++
    return counts
  }

  /** A Pod without a node, new or changed. A change of its spec may make it fit, so it is tried again. */
  set(pod: Pod): void {
    const uid = pod.metadata?.uid ?? ''
    const known = this.#pods.get(uid)
    if (known === undefined) {
      const queued: QueuedPod = {
        pod,
        addedAt: this.#options.clock.now(),
        state: 'active',
        attempts: 0,
        rejectedBy: new Set(),
        failedAt: 0,
        missedEvents: [],
      }
      this.#pods.set(uid, queued)
      this.#activate(queued)
      return
    }
    const changed =
      JSON.stringify([known.pod.spec, known.pod.metadata?.labels]) !== JSON.stringify([pod.spec, pod.metadata?.labels])
    known.pod = pod
    if (changed && known.state === 'unschedulable') this.#activate(known)
  }

  delete(uid: string): void {
    this.#pods.delete(uid) // a heap entry of it is skipped when it is popped
  }

  /** The next Pod to schedule, or undefined. It is in flight until `bound` or `failed`. */
  pop(): { readonly pod: Pod; readonly attempts: number; readonly addedAt: number } | undefined {
    for (;;) {
      const queued = this.#active.pop()
      if (queued === undefined) return undefined
      if (queued.state !== 'active' || this.#pods.get(queued.pod.metadata?.uid ?? '') !== queued) continue
      queued.state = 'inFlight'
      queued.attempts++
      queued.missedEvents = []
      return { pod: queued.pod, attempts: queued.attempts, addedAt: queued.addedAt }
    }
  }

  /** It has a node: the queue forgets it. */
  bound(uid: string): void {
    this.#pods.delete(uid)
  }

  /** No node took it; `rejectedBy` empty means an error rather than a rejection: tried again after its back-off. */
  failed(uid: string, rejectedBy: ReadonlySet<string>): void {
    const queued = this.#pods.get(uid)
    if (queued === undefined) return
    queued.failedAt = this.#options.clock.now()
    queued.rejectedBy = rejectedBy
    const woken = rejectedBy.size === 0 || queued.missedEvents.some((event) => this.#options.mayHelp(event, rejectedBy))
    if (woken) return this.#backOff(queued)
    queued.state = 'unschedulable'
    this.#wakeAfter(queued, maxUnschedulableMs, 'unschedulable')
  }

  /** Something changed in the cluster: wakes the Pods that it may help. */
  onEvent(event: ClusterEvent): void {
    for (const queued of this.#pods.values()) {
      if (queued.state === 'inFlight') queued.missedEvents.push(event)
      else if (queued.state === 'unschedulable' && this.#options.mayHelp(event, queued.rejectedBy))
        this.#backOff(queued)
    }
  }

  #backOff(queued: QueuedPod): void {
    const rest = queued.failedAt + backoffMs(queued.attempts) - this.#options.clock.now()
    if (rest <= 0) return this.#activate(queued)
    queued.state = 'backoff'
    this.#wakeAfter(queued, rest, 'backoff')
  }

  #wakeAfter(queued: QueuedPod, ms: number, from: QueuedPod['state']): void {
    const { attempts } = queued
    const timer = this.#options.clock.setTimeout(() => {
      const current = this.#pods.get(queued.pod.metadata?.uid ?? '') === queued
      if (current && queued.state === from && queued.attempts === attempts) this.#activate(queued)
    }, ms)
    if (typeof timer === 'object' && timer !== null && 'unref' in timer) (timer as { unref(): void }).unref()
  }

  #activate(queued: QueuedPod): void {
    queued.state = 'active'
    this.#active.push(queued)
    this.#options.onReady()
  }
}
