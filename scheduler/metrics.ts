import { Counter, Gauge, Histogram, type Registry } from '../component-base/metrics/prometheus.ts'
import type { PendingPods } from './queue/scheduling-queue.ts'

/** The scheduler's metrics, under upstream's names. */
export interface SchedulerMetrics {
  readonly attempts: Counter<'result'>
  readonly algorithmSeconds: Histogram
  readonly podSchedulingSeconds: Histogram
  readonly preemptionAttempts: Counter
  readonly preemptionVictims: Histogram
}

const latencyBuckets = Array.from({ length: 15 }, (_, index) => 0.0001 * 2 ** index)

export const createSchedulerMetrics = (registry: Registry): SchedulerMetrics => ({
  attempts: new Counter({
    name: 'scheduler_schedule_attempts_total',
    help: 'Attempts to schedule Pods, by result.',
    labelNames: ['result'],
    registers: [registry],
  }),
  algorithmSeconds: new Histogram({
    name: 'scheduler_scheduling_algorithm_duration_seconds',
    help: 'Time that finding a node took.',
    buckets: latencyBuckets,
    registers: [registry],
  }),
  podSchedulingSeconds: new Histogram({
    name: 'scheduler_pod_scheduling_sli_duration_seconds',
    help: 'Time from the first queuing of a Pod to its binding.',
    buckets: latencyBuckets.map((bucket) => bucket * 100),
    registers: [registry],
  }),
  preemptionAttempts: new Counter({
    name: 'scheduler_preemption_attempts_total',
    help: 'Total preemption attempts in the cluster till now.',
    registers: [registry],
  }),
  preemptionVictims: new Histogram({
    name: 'scheduler_preemption_victims',
    help: 'Number of selected preemption victims.',
    buckets: [1, 2, 4, 8, 16, 32, 64],
    registers: [registry],
  }),
})

/** A gauge that is read when it is scraped. */
export const registerPendingPods = (registry: Registry, read: () => PendingPods): void => {
  const gauge = new Gauge({
    name: 'scheduler_pending_pods',
    help: 'Pods that wait for a node, by queue.',
    labelNames: ['queue'],
    registers: [registry],
    collect: () => {
      for (const [queue, count] of Object.entries(read())) gauge.labels(queue).set(count)
    },
  })
}
