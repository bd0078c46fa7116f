/** What flow control tells of itself, under upstream's names. All is read when it is scraped. */
import type { PlainHistogram } from '../../component-base/metrics/histogram.ts'
import { registerHistograms, registerNumbers } from '../../component-base/metrics/histogram-family.ts'
import type { Registry } from '../../component-base/metrics/prometheus.ts'
import { type FlowCounters, rejectReasons } from './counters.ts'
import type { FlowController } from './flow-controller.ts'
import type { PriorityLevel } from './priority-level.ts'
import { phases, requestKinds } from './read-vs-write.ts'

type Labels = Readonly<Record<string, string>>

/** In order of the label's values. */
const levelsOf = ({ levels }: FlowController): PriorityLevel[] =>
  [...levels.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1))

/** One number for each priority level. */
const levelNumbers: readonly (readonly ['counter' | 'gauge', string, string, (level: PriorityLevel) => number])[] = [
  ['gauge', 'current_r', 'R(time of last change)', ({ queues }) => queues.progress],
  ['gauge', 'dispatch_r', 'R(time of last dispatch)', ({ queues }) => queues.lastDispatch.r],
  ['gauge', 'latest_s', 'S(most recently dispatched request)', ({ queues }) => queues.lastDispatch.s],
  [
    'gauge',
    'nominal_limit_seats',
    'Nominal number of execution seats configured for each priority level',
    ({ limits }) => limits.nominal,
  ],
  [
    'gauge',
    'lower_limit_seats',
    'Configured lower bound on number of execution seats available to each priority level',
    ({ limits }) => limits.lower,
  ],
  [
    'gauge',
    'upper_limit_seats',
    'Configured upper bound on number of execution seats available to each priority level',
    ({ limits }) => limits.upper,
  ],
  [
    'gauge',
    'current_limit_seats',
    'current derived number of execution seats available to each priority level',
    ({ adjusted }) => adjusted.current,
  ],
  ['gauge', 'target_seats', 'Seat allocation targets', ({ adjusted }) => adjusted.target],
  [
    'gauge',
    'demand_seats_high_watermark',
    'High watermark, over last adjustment period, of demand_seats',
    ({ statistics }) => statistics.highWatermark,
  ],
  [
    'gauge',
    'demand_seats_average',
    'Time-weighted average, over last adjustment period, of demand_seats',
    ({ statistics }) => statistics.average,
  ],
  [
    'gauge',
    'demand_seats_stdev',
    'Time-weighted standard deviation, over last adjustment period, of demand_seats',
    ({ statistics }) => statistics.deviation,
  ],
  ['gauge', 'demand_seats_smoothed', 'Smoothed seat demands', ({ statistics }) => statistics.smoothed],
]

/** One number for each FlowSchema of each priority level. */
const flowNumbers: readonly (readonly ['counter' | 'gauge', string, string, (counters: FlowCounters) => number])[] = [
  [
    'counter',
    'dispatched_requests_total',
    'Number of requests executed by API Priority and Fairness subsystem',
    ({ dispatched }) => dispatched,
  ],
  [
    'gauge',
    'current_inqueue_requests',
    'Number of requests currently pending in queues of the API Priority and Fairness subsystem',
    ({ waitingRequests }) => waitingRequests,
  ],
  [
    'gauge',
    'current_inqueue_seats',
    'Number of seats currently pending in queues of the API Priority and Fairness subsystem',
    ({ waitingSeats }) => waitingSeats,
  ],
  [
    'gauge',
    'current_executing_requests',
    'Number of requests in initial (for a WATCH) or any (for a non-WATCH) execution stage in the API Priority and Fairness subsystem',
    ({ executingRequests }) => executingRequests,
  ],
  [
    'gauge',
    'current_executing_seats',
    'Concurrency (number of seats) occupied by the currently executing (initial stage for a WATCH, any stage otherwise) requests in the API Priority and Fairness subsystem',
    ({ executingSeats }) => executingSeats,
  ],
  [
    'counter',
    'request_dispatch_no_accommodation_total',
    'Number of times a dispatch attempt resulted in a non accommodation due to lack of available seats',
    ({ notAccommodated }) => notAccommodated,
  ],
]

const flowHistograms: readonly (readonly [
  string,
  string,
  (counters: FlowCounters) => readonly (readonly [Labels, PlainHistogram])[],
])[] = [
  [
    'request_wait_duration_seconds',
    'Length of time a request spent waiting in its queue',
    ({ waited }) => [
      [{ execute: 'true' }, waited.true],
      [{ execute: 'false' }, waited.false],
    ],
  ],
  [
    'request_execution_seconds',
    'Duration of initial stage (for a WATCH) or any (for a non-WATCH) stage of request execution in the API Priority and Fairness subsystem',
    ({ executed }) => [
      [{ type: 'regular' }, executed.regular],
      [{ type: 'watch' }, executed.watch],
    ],
  ],
  [
    'request_queue_length_after_enqueue',
    'Length of queue in the API Priority and Fairness subsystem, as seen by each request after it is enqueued',
    ({ queueLengths }) => [[{}, queueLengths]],
  ],
  [
    'work_estimated_seats',
    'Number of estimated seats (maximum of initial and final seats) associated with requests in API Priority and Fairness',
    ({ seats }) => [[{}, seats]],
  ],
  [
    'watch_count_samples',
    'count of watchers for mutating requests in API Priority and Fairness',
    ({ watchCounts }) => [[{}, watchCounts]],
  ],
]

const registerBounds = (registry: Registry, controller: FlowController): void => {
  const bounds = [
    [
      'next_s_bounds',
      'min and max, over queues, of S(oldest waiting request in queue)',
      ({ queues: { lastDispatch } }: PriorityLevel) => ({ min: lastDispatch.minS, max: lastDispatch.maxS }),
    ],
    [
      'next_discounted_s_bounds',
      'min and max, over queues, of S(oldest waiting request in queue) - estimated work in progress',
      ({ queues: { lastDispatch } }: PriorityLevel) => ({
        min: lastDispatch.minDiscountedS,
        max: lastDispatch.maxDiscountedS,
      }),
    ],
  ] as const
  for (const [name, help, of] of bounds) {
    registerNumbers(registry, {
      type: 'gauge',
      name: `apiserver_flowcontrol_${name}`,
      help,
      samples: () =>
        levelsOf(controller).flatMap((level) =>
          Object.entries(of(level)).map(([bound, value]) => ({ labels: { priority_level: level.name, bound }, value })),
        ),
    })
  }
}

const registerUtilization = (registry: Registry, controller: FlowController): void => {
  const advanced = (): PriorityLevel[] => {
    const levels = levelsOf(controller)
    for (const level of levels) level.advance()
    return levels
  }
  registerHistograms(registry, {
    name: 'apiserver_flowcontrol_priority_level_seat_utilization',
    help: 'Observations, at the end of every nanosecond, of utilization of seats for any stage of execution (but only initial stage for WATCHes)',
    samples: () =>
      advanced().map(({ name, seatUtilization }) => ({
        labels: { priority_level: name, phase: 'executing' },
        histogram: seatUtilization.histogram,
      })),
  })
  registerHistograms(registry, {
    name: 'apiserver_flowcontrol_priority_level_request_utilization',
    help: 'Observations, at the end of every nanosecond, of number of requests (as a fraction of the relevant limit) waiting or in any stage of execution (but only initial stage for WATCHes)',
    samples: () =>
      advanced().flatMap(({ name, executingUtilization, waitingUtilization }) => [
        { labels: { phase: 'executing', priority_level: name }, histogram: executingUtilization.histogram },
        { labels: { phase: 'waiting', priority_level: name }, histogram: waitingUtilization.histogram },
      ]),
  })
  registerHistograms(registry, {
    name: 'apiserver_flowcontrol_demand_seats',
    help: 'Observations, at the end of every nanosecond, of (the number of seats each priority level could use) / (nominal number of seats for that level)',
    samples: () =>
      advanced().map(({ name, demandRatio }) => ({
        labels: { priority_level: name },
        histogram: demandRatio.histogram,
      })),
  })
  registerHistograms(registry, {
    name: 'apiserver_flowcontrol_read_vs_write_current_requests',
    help: 'Observations, at the end of every nanosecond, of the number of requests (as a fraction of the relevant limit) waiting or in regular stage of execution',
    samples: () =>
      phases.flatMap((phase) =>
        requestKinds.map((kind) => {
          const { ratio } = controller.readVsWrite.counts[phase][kind]
          ratio.advance(performance.now())
          return { labels: { phase, request_kind: kind }, histogram: ratio.histogram }
        }),
      ),
  })
}

/** Upstream's gauges that flow control shares with the plain limit, as far as that does not set them itself. */
const registerWatermarks = (registry: Registry, { readVsWrite }: FlowController): void => {
  const families = [
    [
      'apiserver_current_inflight_requests',
      'Maximal number of currently used inflight request limit of this apiserver per request kind in last second.',
      'executing',
    ],
    [
      'apiserver_current_inqueue_requests',
      'Maximal number of queued requests in this apiserver per request kind in last second.',
      'waiting',
    ],
  ] as const
  for (const [name, help, phase] of families) {
    registerNumbers(registry, {
      type: 'gauge',
      name,
      help,
      samples: () =>
        requestKinds.map((kind) => ({
          labels: { request_kind: kind },
          value: readVsWrite.counts[phase][kind].watermark(performance.now()),
        })),
    })
  }
}

export const registerFlowControlMetrics = (registry: Registry, controller: FlowController): void => {
  const countersOf = (): FlowCounters[] => levelsOf(controller).flatMap(({ counters }) => [...counters.values()])
  const flowLabels = ({ level, schema }: FlowCounters): Labels => ({ priority_level: level, flow_schema: schema })
  for (const [type, name, help, of] of levelNumbers) {
    registerNumbers(registry, {
      type,
      name: `apiserver_flowcontrol_${name}`,
      help,
      samples: () =>
        levelsOf(controller).map((level) => ({ labels: { priority_level: level.name }, value: of(level) })),
    })
  }
  for (const [type, name, help, of] of flowNumbers) {
    registerNumbers(registry, {
      type,
      name: `apiserver_flowcontrol_${name}`,
      help,
      samples: () => countersOf().map((counters) => ({ labels: flowLabels(counters), value: of(counters) })),
    })
  }
  registerNumbers(registry, {
    type: 'counter',
    name: 'apiserver_flowcontrol_rejected_requests_total',
    help: 'Number of requests rejected by API Priority and Fairness subsystem',
    samples: () =>
      countersOf().flatMap((counters) =>
        rejectReasons
          .filter((reason) => counters.rejected[reason] > 0)
          .map((reason) => ({ labels: { ...flowLabels(counters), reason }, value: counters.rejected[reason] })),
      ),
  })
  registerNumbers(registry, {
    type: 'counter',
    name: 'apiserver_flowcontrol_epoch_advance_total',
    help: "Number of times the queueset's progress meter jumped backward",
    samples: () =>
      levelsOf(controller)
        .filter(({ queues }) => queues.epochAdvances > 0)
        .map(({ name, queues }) => ({
          labels: { priority_level: name, success: 'true' },
          value: queues.epochAdvances,
        })),
  })
  registerNumbers(registry, {
    type: 'gauge',
    name: 'apiserver_flowcontrol_seat_fair_frac',
    help: "Fair fraction of server's concurrency to allocate to each priority level that can use it",
    samples: () => [{ labels: {}, value: controller.fairFraction }],
  })
  for (const [name, help, of] of flowHistograms) {
    registerHistograms(registry, {
      name: `apiserver_flowcontrol_${name}`,
      help,
      samples: () =>
        countersOf().flatMap((counters) =>
          of(counters).map(([labels, histogram]) => ({ labels: { ...flowLabels(counters), ...labels }, histogram })),
        ),
    })
  }
  registerBounds(registry, controller)
  registerUtilization(registry, controller)
  registerWatermarks(registry, controller)
}
