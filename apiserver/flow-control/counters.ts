/** What is counted of the requests of one FlowSchema in one priority level; metrics.ts shows it. */
import { PlainHistogram } from '../../component-base/metrics/histogram.ts'

export const rejectReasons = ['concurrency-limit', 'queue-full', 'time-out'] as const
export type RejectReason = (typeof rejectReasons)[number]

const secondsBounds = [0, 0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30]

export class FlowCounters {
  readonly level: string
  readonly schema: string
  dispatched = 0
  readonly rejected: Record<RejectReason, number> = { 'concurrency-limit': 0, 'queue-full': 0, 'time-out': 0 }
  waitingRequests = 0
  waitingSeats = 0
  executingRequests = 0
  executingSeats = 0
  notAccommodated = 0
  readonly waited = { true: new PlainHistogram(secondsBounds), false: new PlainHistogram(secondsBounds) }
  readonly executed = { regular: new PlainHistogram(secondsBounds), watch: new PlainHistogram(secondsBounds) }
  readonly queueLengths = new PlainHistogram([0, 10, 25, 50, 100, 250, 500, 1000])
  readonly seats = new PlainHistogram([1, 2, 4, 8, 16, 32, 64, 100])
  readonly watchCounts = new PlainHistogram([0, 1, 10, 100, 1000, 10000])

  constructor(level: string, schema: string) {
    this.level = level
    this.schema = schema
  }
}
