/** A priority level at work: its configuration, its queues, and what it needs. */
import type { PriorityLevelConfiguration } from '../../api/types.ts'
import type { FlowClock } from './clock.ts'
import { FlowCounters } from './counters.ts'
import type { AdjustedLimit, ConfiguredLimits, LevelDemand } from './limits.ts'
import { QueueSet, type Queuing, type QueueSetTotals } from './queue-set.ts'
import { afterPeriod, type DemandStatistics, noDemand, SeatDemand } from './seat-demand.ts'
import { TimingRatio } from './timing-ratio.ts'
import type { TurnGate } from './turn-gate.ts'

/** What is wrong with a spec that validation did not see, or how its requests are queued. */
export const queuingOf = ({ metadata, spec }: PriorityLevelConfiguration): Queuing | string => {
  const { type, limited, exempt } = spec ?? {}
  if ((type === 'Limited') !== (limited !== undefined)) return 'broken union structure at the top, for Limited'
  if ((type === 'Exempt') !== (exempt !== undefined)) return 'broken union structure at the top, for Exempt'
  if ((type === 'Exempt') !== (metadata?.name === 'exempt')) return 'non-alignment between name and type'
  if (limited === undefined) return { type: 'exempt' }
  const { type: response, queuing } = limited.limitResponse ?? {}
  if ((response === 'Reject') !== (queuing === undefined)) return 'broken union structure for limit response'
  if (queuing === undefined) return { type: 'reject' }
  const { queues = 0, handSize = 0, queueLengthLimit = 0 } = queuing
  if (queues < 1 || handSize < 1 || handSize > queues) return 'impossible number of queues'
  return { type: 'queue', queues, handSize, queueLengthLimit }
}

const seatBounds = [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1]
const requestBounds = [0, 0.001, 0.003, 0.01, 0.03, 0.1, 0.25, 0.5, 0.75, 1]
const demandBounds = [0.2, 0.4, 0.6, 0.8, 1, 1.2, 1.4, 1.7, 2, 2.8, 4, 6]

const noLimits: ConfiguredLimits = { nominal: 0, lower: 0, upper: 0, maxPerRequest: 0 }

export class PriorityLevel {
  readonly name: string
  readonly queues: QueueSet
  readonly counters = new Map<string, FlowCounters>()
  readonly seatUtilization: TimingRatio
  readonly waitingUtilization: TimingRatio
  readonly executingUtilization: TimingRatio
  readonly demandRatio: TimingRatio
  readonly #clock: FlowClock
  readonly #demand: SeatDemand
  object: PriorityLevelConfiguration
  #queuing: Queuing
  /** Not wanted any more: goes when its last request is over. */
  isQuiescing = false
  limits = noLimits
  statistics: DemandStatistics = noDemand
  adjusted: AdjustedLimit = { current: 0, target: 0 }

  constructor(object: PriorityLevelConfiguration, queuing: Queuing, clock: FlowClock, gate: TurnGate) {
    const now = clock.now()
    this.name = object.metadata?.name ?? ''
    this.object = object
    this.#queuing = queuing
    this.#clock = clock
    this.#demand = new SeatDemand(now)
    this.seatUtilization = new TimingRatio(seatBounds, now)
    this.waitingUtilization = new TimingRatio(requestBounds, now)
    this.executingUtilization = new TimingRatio(requestBounds, now)
    this.demandRatio = new TimingRatio(demandBounds, now)
    this.queues = new QueueSet(queuing, 0, clock, this, gate)
  }

  get isExempt(): boolean {
    return this.#queuing.type === 'exempt'
  }
  get queuing(): Queuing {
    return this.#queuing
  }

  countersOf(schema: string): FlowCounters {
    let counters = this.counters.get(schema)
    if (counters === undefined) this.counters.set(schema, (counters = new FlowCounters(this.name, schema)))
    return counters
  }

  changed(nowMs: number, { seatsInUse, seatsWaiting, executingRequests, waitingRequests }: QueueSetTotals): void {
    this.#demand.set(seatsInUse + seatsWaiting, nowMs)
    this.demandRatio.set(seatsInUse + seatsWaiting, nowMs)
    this.seatUtilization.set(seatsInUse, nowMs)
    this.executingUtilization.set(executingRequests, nowMs)
    this.waitingUtilization.set(waitingRequests, nowMs)
  }

  /** A new spec; it takes effect with the limits that follow. */
  configure(object: PriorityLevelConfiguration, queuing: Queuing): void {
    this.object = object
    this.#queuing = queuing
    this.isQuiescing = false
  }

  /** What it has needed since it was last asked. */
  takeDemand(): LevelDemand {
    this.statistics = afterPeriod(this.statistics, this.#demand.takePeriod(this.#clock.now()))
    return { ...this.limits, exempt: this.isExempt, demand: this.statistics, current: this.adjusted.current }
  }

  /** `fallbackDenominator` is what utilization is measured by where the limit is 0. */
  adjust(adjusted: AdjustedLimit, fallbackDenominator: number): void {
    this.adjusted = adjusted
    this.queues.configure(this.#queuing, adjusted.current)
    const now = this.#clock.now()
    const denominator = adjusted.current > 0 ? adjusted.current : fallbackDenominator
    this.seatUtilization.setDenominator(denominator, now)
    this.executingUtilization.setDenominator(denominator, now)
    this.demandRatio.setDenominator(denominator, now)
    const queuing = this.#queuing
    const capacity = queuing.type === 'queue' ? queuing.queues * queuing.queueLengthLimit : 1
    this.waitingUtilization.setDenominator(Math.max(capacity, 1), now)
  }

  /** Counts the time up to now, before the utilizations are read. */
  advance(): void {
    const now = this.#clock.now()
    for (const ratio of [this.seatUtilization, this.waitingUtilization, this.executingUtilization, this.demandRatio]) {
      ratio.advance(now)
    }
  }
}
