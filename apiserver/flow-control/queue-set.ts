/**
 * The queues of one priority level: fair queuing for server requests.
 *
 *     flow ──hand──► shortest of its queues ──fair──► seats ──finish──► (additional latency) ──► free
 *
 * R, the progress of the level, is what every active queue would have got so far, in seat-seconds, if seats could be
 * split without end (a fluid). A queue's `nextDispatchR` is where the work that it has been given ends in that world;
 * the queue whose first request would be done earliest is dispatched from. A service time is not known before: a guess
 * is charged at the dispatch, more while a request takes longer, and all is put right at the end. (Upstream puts it right
 * at the end alone. Where requests take many times the guess, as they do on one thread under load, a flood would always
 * be ahead of what it has been charged, and of everybody who comes new.)
 *
 * Guarantees: no more than the limit of seats is in use, but for a request wider than the limit, which runs alone; no
 * queue is longer than its limit and the free seats; what waits is dispatched in order within its queue.
 * Everything is synchronous: a request that need not wait costs no promise and no timer.
 *
 * Upstream: k8s.io/apiserver/pkg/util/flowcontrol/fairqueuing/queueset
 */
import type { FlowClock } from './clock.ts'
import type { RejectReason } from './counters.ts'
import { type FlowRequest, Queue, RequestList } from './flow-request.ts'
import { dealHand } from './shuffle-sharding.ts'
import { openGate, type TurnGate, type TurnWaiter } from './turn-gate.ts'

export type Queuing =
  | { readonly type: 'exempt' }
  | { readonly type: 'reject' }
  | {
      readonly type: 'queue'
      readonly queues: number
      readonly handSize: number
      readonly queueLengthLimit: number
    }

/** Told after each change, with the totals of that moment. */
export interface QueueSetObserver {
  changed(nowMs: number, totals: QueueSetTotals): void
}

export interface QueueSetTotals {
  readonly waitingRequests: number
  readonly executingRequests: number
  readonly seatsInUse: number
  readonly seatsWaiting: number
}

/** Progress when the last request was dispatched, for the metrics. */
export interface LastDispatch {
  r: number
  s: number
  minS: number
  maxS: number
  minDiscountedS: number
  maxDiscountedS: number
}

/** What is charged of a service time before it is known. Upstream: estimatedServiceDuration. */
export const guessedSeconds = 0.003
/** Queues that are kept though nothing is in them: their number may be configured in millions. */
const maxIdleQueues = 1024
/** Progress is set back here by half: a double has a precision of 10⁻⁷ seat-seconds at that height. */
const highR = 1e9

type Gate = Pick<TurnGate, 'enter' | 'wait'>

export class QueueSet implements QueueSetTotals, TurnWaiter {
  readonly #clock: FlowClock
  readonly #observer: QueueSetObserver
  readonly #gate: Gate
  readonly #queues = new Map<number, Queue>()
  readonly #withWaiting = new Set<Queue>()
  /** Executing requests that came through no queue. */
  readonly #queueless = new RequestList()
  #queuing: Queuing
  #limit: number
  #r = 0
  #lastMs: number
  #activeQueues = 0
  /** Seats in use that a queue has been given. */
  #queuedSeats = 0
  #robinIndex = 0
  #enqueued = 0
  #waitingRequests = 0
  #executingRequests = 0
  #seatsInUse = 0
  #seatsWaiting = 0
  dispatched = 0
  rejected = 0
  cancelled = 0
  epochAdvances = 0
  readonly lastDispatch: LastDispatch = { r: 0, s: 0, minS: 0, maxS: 0, minDiscountedS: 0, maxDiscountedS: 0 }

  constructor(queuing: Queuing, limit: number, clock: FlowClock, observer: QueueSetObserver, gate: Gate = openGate) {
    this.#gate = gate
    this.#queuing = queuing
    this.#limit = limit
    this.#clock = clock
    this.#observer = observer
    this.#lastMs = clock.now()
  }

  get waitingRequests(): number {
    return this.#waitingRequests
  }
  get executingRequests(): number {
    return this.#executingRequests
  }
  get seatsInUse(): number {
    return this.#seatsInUse
  }
  get seatsWaiting(): number {
    return this.#seatsWaiting
  }
  get isIdle(): boolean {
    return this.#waitingRequests === 0 && this.#executingRequests === 0
  }
  get progress(): number {
    return this.#r
  }
  get queuing(): Queuing {
    return this.#queuing
  }
  /** The queues that there are, of those that are configured: the others are empty, and have always been. */
  get queues(): ReadonlyMap<number, Queue> {
    return this.#queues
  }
  get queueless(): Iterable<FlowRequest> {
    return this.#queueless
  }

  /** A new configuration, for those that come and those that wait. Queues too many are emptied in the usual way. */
  configure(queuing: Queuing, limit: number): void {
    const now = this.#advance()
    this.#queuing = queuing
    this.#limit = limit
    this.#dispatchAll(now)
    this.#observer.changed(now, this)
  }

  /**
   * Lets a request in: afterwards it executes, or waits, and its `onDispatch` will be called. Otherwise says why it is
   * rejected.
   */
  start(request: FlowRequest): RejectReason | undefined {
    const now = this.#advance()
    const queuing = this.#queuing
    request.work = request.initialSeats * guessedSeconds + (request.finalSeats * request.additionalLatencyMs) / 1000
    request.arrivalMs = now
    request.arrivalR = this.#r
    if (queuing.type !== 'queue') {
      if (queuing.type === 'reject' && !this.#hasSeatsFor(request)) return this.#reject('concurrency-limit', request)
      this.#queueless.push(request)
    } else {
      const queue = this.#chooseQueue(request, queuing.queues, queuing.handSize)
      // Upstream lets a queue grow without end while there are free seats that its first request cannot use.
      const freeSeats = Math.max(this.#limit - this.#seatsInUse, 0)
      if (queue.waiting.length >= queuing.queueLengthLimit + freeSeats) return this.#reject('queue-full', request)
      if (!queue.isActive) {
        this.#activeQueues++
        queue.nextDispatchR = this.#r
      }
      request.queue = queue
      const { counters } = request.flow
      const isFree = this.#waitingRequests === 0 && this.#seatsInUse < this.#limit && this.#hasSeatsFor(request)
      if (!isFree || !this.#enters()) {
        this.#enqueue(request, queue)
        counters.queueLengths.observe(queue.waiting.length)
        this.#dispatchAll(now)
        this.#observer.changed(now, this)
        return undefined
      }
      // Nobody waits and there are seats: the way through the queue would end here too.
      counters.queueLengths.observe(1)
      raise(queue, request.arrivalR, now)
      this.#noteDispatch(queue, queue.nextDispatchR, queue.nextDispatchR)
      this.#execute(request, now)
      this.#charge(request, queue)
      this.#observer.changed(now, this)
      return undefined
    }
    this.#execute(request, now)
    this.#observer.changed(now, this)
    return undefined
  }

  /** A request that executes has been served. */
  finish(request: FlowRequest): void {
    const now = this.#advance()
    const { queue, flow } = request
    request.state = 'over'
    request.endMs = now
    this.#executingRequests--
    flow.counters.executingRequests--
    flow.counters.executed[request.info.verb === 'watch' ? 'watch' : 'regular'].observe((now - request.startMs) / 1000)
    if (queue === undefined) this.#queueless.remove(request)
    else {
      queue.finish(request)
      if (!queue.isActive) this.#activeQueues--
      queue.nextDispatchR -= request.initialSeats * (guessedSeconds - (now - request.startMs) / 1000)
      bound(queue, now)
    }
    if (request.additionalLatencyMs > 0) {
      this.#clock.after(request.additionalLatencyMs, () => {
        const later = this.#advance()
        this.#release(request)
        this.#dispatchAll(later)
        this.#observer.changed(later, this)
      })
    } else this.#release(request)
    this.#dispatchAll(now)
    this.#observer.changed(now, this)
  }

  /** A request that waits does so no more: its time is over, or its client has gone. */
  leave(request: FlowRequest): void {
    const { queue } = request
    if (request.state !== 'waiting' || queue === undefined) return
    const now = this.#advance()
    request.state = 'over'
    this.#dequeue(request, queue)
    if (!queue.isActive) this.#activeQueues--
    bound(queue, now)
    this.#forgetIfIdle(queue)
    this.cancelled++
    this.#reject('time-out', request)
    // What stood behind a wide request may fit.
    this.#dispatchAll(now)
    this.#observer.changed(now, this)
  }

  #reject(reason: RejectReason, { flow, arrivalMs }: FlowRequest): RejectReason {
    this.rejected++
    flow.counters.rejected[reason]++
    flow.counters.waited.false.observe((this.#lastMs - arrivalMs) / 1000)
    return reason
  }

  /** Brings R up to now; must come before any change. Returns the time. */
  #advance(): number {
    const now = this.#clock.now()
    if (this.#activeQueues > 0) {
      // What is in use, not what could be (as upstream has it): seats that wide requests, or the end of a turn, leave
      // empty would let R run ahead of all queues, and whoever comes new would stand behind all that wait.
      this.#r += ((this.#queuedSeats / this.#activeQueues) * (now - this.#lastMs)) / 1000
      if (this.#r >= highR) this.#advanceEpoch()
    }
    this.#lastMs = now
    return now
  }

  #advanceEpoch(): void {
    const decrement = highR / 2
    this.#r -= decrement
    for (const queue of this.#queues.values()) {
      queue.nextDispatchR = queue.isActive ? queue.nextDispatchR - decrement : 0
      for (const request of queue.waiting) request.arrivalR -= decrement
    }
    this.epochAdvances++
  }

  /** Of the flow's hand the queue with the least work; each time another is looked at first. */
  #chooseQueue({ flow }: FlowRequest, deck: number, handSize: number): Queue {
    let { hand } = flow
    if (hand?.deck !== deck || hand.cards.length !== handSize) {
      hand = flow.hand = { deck, cards: dealHand(flow.hash(), deck, handSize) }
    }
    const offset = this.#enqueued++ % handSize
    let best: number | undefined
    let least = Number.POSITIVE_INFINITY
    for (let i = 0; i < handSize; i++) {
      const card = hand.cards[(offset + i) % handSize] ?? 0
      const work = this.#queues.get(card)?.workWaiting ?? 0
      if (work >= least) continue
      best = card
      least = work
      if (work === 0) break
    }
    return this.#queueAt(best ?? 0)
  }

  #queueAt(index: number): Queue {
    let queue = this.#queues.get(index)
    if (queue === undefined) this.#queues.set(index, (queue = new Queue(index)))
    return queue
  }

  #hasSeatsFor({ seats }: FlowRequest): boolean {
    if (seats > this.#limit) return this.#executingRequests === 0
    return this.#seatsInUse + seats <= this.#limit
  }

  #dispatchAll(now: number): void {
    while (this.#waitingRequests > 0 && this.#seatsInUse < this.#limit && this.#dispatchNext(now));
  }

  /** In the next turn of the event loop: what could not begin in the last one. */
  dispatchOne(): boolean {
    if (this.#waitingRequests === 0 || this.#seatsInUse >= this.#limit) return false
    const now = this.#advance()
    const dispatched = this.#dispatchNext(now)
    if (dispatched) this.#observer.changed(now, this)
    return dispatched && this.#waitingRequests > 0
  }

  #enters(): boolean {
    if (this.#gate.enter()) return true
    this.#gate.wait(this)
    return false
  }

  /** Dispatches the request that would be done first in the fluid world; false if it has no seats yet. */
  #dispatchNext(now: number): boolean {
    const count = this.#queuing.type === 'queue' ? this.#queuing.queues : this.#queues.size
    let found: Queue | undefined
    let earliest = Number.POSITIVE_INFINITY
    let foundRank = 0
    let minS = Number.POSITIVE_INFINITY
    let maxS = 0
    for (const queue of this.#withWaiting) {
      const start = startR(queue, now)
      minS = Math.min(minS, start)
      maxS = Math.max(maxS, start)
      const finish = start + (queue.waiting.first?.work ?? 0)
      if (finish > earliest) continue
      // Of equals the next one round the table after the last.
      const rank = (((queue.index - this.#robinIndex - 1) % count) + count) % count
      if (finish === earliest && rank >= foundRank) continue
      found = queue
      earliest = finish
      foundRank = rank
    }
    const request = found?.waiting.first
    if (found === undefined || request === undefined) return false
    if (!this.#hasSeatsFor(request)) {
      request.flow.counters.notAccommodated++
      return false
    }
    if (!this.#enters()) return false
    this.#dequeue(request, found)
    this.#noteDispatch(found, minS, maxS)
    this.#execute(request, now)
    this.#charge(request, found)
    bound(found, now)
    request.onDispatch?.()
    return true
  }

  #noteDispatch(queue: Queue, minS: number, maxS: number): void {
    const note = this.lastDispatch
    const inProgress = queue.seatsInUse * guessedSeconds
    note.r = this.#r
    note.s = queue.nextDispatchR
    note.minS = minS
    note.maxS = maxS
    note.minDiscountedS = minS - inProgress
    note.maxDiscountedS = maxS - inProgress
  }

  /** Gives a request of a queue, which executes from now on, its place in the fluid world. */
  #charge(request: FlowRequest, queue: Queue): void {
    this.#robinIndex = queue.index
    queue.nextDispatchR += request.work
    queue.execute(request)
    queue.seatsInUse += request.seats
    this.#queuedSeats += request.seats
  }

  #execute(request: FlowRequest, now: number): void {
    const { counters } = request.flow
    if (request.queue !== undefined && request.finalSeats > this.#limit) {
      // As much work, on fewer seats for longer.
      request.additionalLatencyMs *= request.finalSeats / this.#limit
      request.finalSeats = this.#limit
      request.seats = Math.max(request.initialSeats, this.#limit)
    }
    request.state = 'executing'
    request.startMs = now
    if (this.#queuing.type !== 'exempt') counters.waited.true.observe((now - request.arrivalMs) / 1000)
    this.dispatched++
    this.#executingRequests++
    this.#seatsInUse += request.seats
    counters.dispatched++
    counters.executingRequests++
    counters.executingSeats += request.seats
  }

  #release({ seats, queue, flow }: FlowRequest): void {
    this.#seatsInUse -= seats
    flow.counters.executingSeats -= seats
    if (queue === undefined) return
    queue.seatsInUse -= seats
    this.#queuedSeats -= seats
    this.#forgetIfIdle(queue)
  }

  #enqueue(request: FlowRequest, queue: Queue): void {
    const { counters } = request.flow
    queue.enqueue(request)
    this.#withWaiting.add(queue)
    this.#waitingRequests++
    this.#seatsWaiting += request.seats
    counters.waitingRequests++
    counters.waitingSeats += request.seats
    bound(queue, request.arrivalMs)
  }

  #dequeue(request: FlowRequest, queue: Queue): void {
    const { counters } = request.flow
    queue.dequeue(request)
    if (queue.waiting.length === 0) this.#withWaiting.delete(queue)
    this.#waitingRequests--
    this.#seatsWaiting -= request.seats
    counters.waitingRequests--
    counters.waitingSeats -= request.seats
  }

  #forgetIfIdle(queue: Queue): void {
    if (queue.isActive || queue.seatsInUse > 0) return
    const wanted = this.#queuing.type === 'queue' ? this.#queuing.queues : 0
    if (queue.index >= wanted || this.#queues.size > maxIdleQueues) this.#queues.delete(queue.index)
  }
}

/** Where the queue's work ends, with what its requests have taken beyond the guess. */
const startR = ({ nextDispatchR, seatsExecuting, seatStartsMs }: Queue, now: number): number => {
  const uncharged = (seatsExecuting * now - seatStartsMs) / 1000 - seatsExecuting * guessedSeconds
  return uncharged > 0 ? nextDispatchR + uncharged : nextDispatchR
}

const raise = (queue: Queue, least: number, now: number): void => {
  const missing = least - startR(queue, now)
  if (missing > 0) queue.nextDispatchR += missing
}

/** A queue that did not use its share gets no credit for it: nothing is dispatched, in the fluid world, before it came. */
const bound = (queue: Queue, now: number): void => {
  const arrivalR = queue.waiting.first?.arrivalR
  if (arrivalR !== undefined) raise(queue, arrivalR, now)
}
