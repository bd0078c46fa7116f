/** Priority and fairness as the chain uses it: requests come in, perhaps wait, are served, and go. */
import { preciseNow, realClock } from '../../component-base/clock.ts'
import type { UserInfo } from '../authentication/user.ts'
import type { RequestInfo } from '../server/request-info.ts'
import { type ActiveSchema, type FlowController, flowOf } from './flow-controller.ts'
import { FlowRequest } from './flow-request.ts'
import type { PriorityLevel } from './priority-level.ts'
import { RetryAfter } from './retry-after.ts'
import { type EstimatedRequest, type EstimatorOptions, estimateWork } from './work-estimate.ts'
import { WatchTracker } from './watch-tracker.ts'

export interface FlowControlOptions {
  readonly controller: FlowController
  readonly statisticsOf: EstimatorOptions['statisticsOf']
}

export interface ComingRequest extends EstimatedRequest {
  readonly user: UserInfo
}

export class FlowControl {
  readonly controller: FlowController
  readonly watches = new WatchTracker()
  readonly #estimator: EstimatorOptions
  readonly #retryAfter = new Map<string, RetryAfter>()

  constructor({ controller, statisticsOf }: FlowControlOptions) {
    this.controller = controller
    this.#estimator = { statisticsOf, watchesOf: (info) => this.watches.interestedIn(info) }
  }

  schemaOf(user: UserInfo, info: RequestInfo): ActiveSchema {
    return this.controller.schemaOf(user, info)
  }

  /** The request, which executes or waits; undefined if it is rejected. */
  start(schema: ActiveSchema, coming: ComingRequest): FlowRequest | undefined {
    const { level, counters } = schema
    const { work, watches } = estimateWork(coming, level.limits.maxPerRequest, this.#estimator)
    if (watches !== undefined) counters.watchCounts.observe(watches)
    const request = new FlowRequest(flowOf(schema, coming.user, coming.info), level.queues, coming, work)
    counters.seats.observe(request.seats)
    if (level.queues.start(request) !== undefined) return undefined
    this.controller.readVsWrite.came(request)
    return request
  }

  /** Waits for the request's turn, until `endsMs` since the epoch at most. False if it did not come. */
  wait(request: FlowRequest, signal: AbortSignal, endsMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const over = (dispatched: boolean): void => {
        realClock.clearTimeout(timer)
        signal.removeEventListener('abort', leave)
        request.onDispatch = undefined
        this.controller.readVsWrite.waited(request, dispatched, performance.now())
        resolve(dispatched)
      }
      const leave = (): void => {
        request.set.leave(request)
        over(false)
      }
      const timer = realClock.setTimeout(leave, endsMs - preciseNow())
      request.onDispatch = () => over(true)
      if (signal.aborted) leave()
      else signal.addEventListener('abort', leave, { once: true })
    })
  }

  finish(request: FlowRequest): void {
    request.set.finish(request)
    this.controller.readVsWrite.ended(request)
  }

  /** Notes that a request of the level was rejected, and says after how many seconds it may come again. */
  rejected({ name }: PriorityLevel): number {
    let tracker = this.#retryAfter.get(name)
    if (tracker === undefined) this.#retryAfter.set(name, (tracker = new RetryAfter()))
    tracker.rejected(Math.floor(realClock.now() / 1000))
    return tracker.seconds
  }
}
