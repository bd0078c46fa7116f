/** One request on its way through a priority level, and the lists that it stands in. */
import type { UserInfo } from '../authentication/user.ts'
import type { RequestInfo } from '../server/request-info.ts'
import type { FlowCounters } from './counters.ts'

/** What a request will cost. A seat is what one ordinary request takes while it is served. */
export interface WorkEstimate {
  /** Seats that it takes while it is served. */
  readonly initialSeats: number
  /** Seats that it takes afterwards, for what it has set in motion: events for watchers. */
  readonly finalSeats: number
  /** How long it takes those; the client does not wait for it. */
  readonly additionalLatencyMs: number
}

/** Requests of one FlowSchema with the same distinguisher: they share a hand of queues. */
export interface Flow {
  readonly schema: string
  readonly distinguisher: string
  readonly counters: FlowCounters
  /** 64 bits for the shuffle sharding; made when first needed. */
  readonly hash: () => bigint
  /** The queues that it may use, of a deck of that many. */
  hand: { readonly deck: number; readonly cards: readonly number[] } | undefined
}

/** Where a request is let in, and what it tells when it is done. */
export interface RequestSet {
  finish(request: FlowRequest): void
  leave(request: FlowRequest): void
}

export class FlowRequest {
  readonly flow: Flow
  readonly set: RequestSet
  readonly user: UserInfo
  readonly info: RequestInfo
  readonly initialSeats: number
  finalSeats: number
  additionalLatencyMs: number
  /** Taken from its dispatch until all is over: the greater of the two. */
  seats: number
  arrivalMs = 0
  state: 'waiting' | 'executing' | 'over' = 'waiting'
  /** undefined where the level has no queues. */
  queue: Queue | undefined
  /** Progress of the level when it arrived, in seat-seconds. */
  arrivalR = 0
  startMs = 0
  endMs = 0
  /** Seat-seconds that it is expected to take. */
  work = 0
  /** Called when a request that had to wait may begin. */
  onDispatch: (() => void) | undefined
  previous: FlowRequest | undefined
  next: FlowRequest | undefined

  constructor(
    flow: Flow,
    set: RequestSet,
    { user, info }: { readonly user: UserInfo; readonly info: RequestInfo },
    estimate: WorkEstimate,
  ) {
    this.flow = flow
    this.set = set
    this.user = user
    this.info = info
    this.initialSeats = estimate.initialSeats
    this.finalSeats = estimate.finalSeats
    this.additionalLatencyMs = estimate.additionalLatencyMs
    this.seats = Math.max(estimate.initialSeats, estimate.finalSeats)
  }
}

/** Requests in the order of their arrival. One is in one list at a time: the links are its own. */
export class RequestList implements Iterable<FlowRequest> {
  first: FlowRequest | undefined
  #last: FlowRequest | undefined
  length = 0

  push(request: FlowRequest): void {
    request.previous = this.#last
    request.next = undefined
    if (this.#last === undefined) this.first = request
    else this.#last.next = request
    this.#last = request
    this.length++
  }

  /** The request must be in this list. */
  remove(request: FlowRequest): void {
    const { previous, next } = request
    if (previous === undefined) this.first = next
    else previous.next = next
    if (next === undefined) this.#last = previous
    else next.previous = previous
    request.previous = undefined
    request.next = undefined
    this.length--
  }

  *[Symbol.iterator](): Iterator<FlowRequest> {
    for (let request = this.first; request !== undefined; request = request.next) yield request
  }
}

export class Queue {
  readonly index: number
  readonly waiting = new RequestList()
  readonly executing = new RequestList()
  /** Progress at which its next request is dispatched in the ideal, fluid world; in seat-seconds. */
  nextDispatchR = 0
  seatsInUse = 0
  /** Of what executes: its seats, and the sum of each seat's start in milliseconds. */
  seatsExecuting = 0
  seatStartsMs = 0
  /** Sums over what waits. */
  seatsWaiting = 0
  initialSeatsWaiting = 0
  workWaiting = 0

  constructor(index: number) {
    this.index = index
  }

  /** Whether virtual time counts it. */
  get isActive(): boolean {
    return this.waiting.length > 0 || this.executing.length > 0
  }

  execute(request: FlowRequest): void {
    this.executing.push(request)
    this.seatsExecuting += request.initialSeats
    this.seatStartsMs += request.initialSeats * request.startMs
  }

  finish(request: FlowRequest): void {
    this.executing.remove(request)
    this.seatsExecuting -= request.initialSeats
    this.seatStartsMs -= request.initialSeats * request.startMs
  }

  enqueue(request: FlowRequest): void {
    this.waiting.push(request)
    this.seatsWaiting += request.seats
    this.initialSeatsWaiting += request.initialSeats
    this.workWaiting += request.work
  }

  dequeue(request: FlowRequest): void {
    this.waiting.remove(request)
    this.seatsWaiting -= request.seats
    this.initialSeatsWaiting -= request.initialSeats
    // Sums of fractions leave a rest, which an empty queue must not keep.
    this.workWaiting = this.waiting.length === 0 ? 0 : this.workWaiting - request.work
  }
}
