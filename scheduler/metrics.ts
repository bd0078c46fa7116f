/** The scheduler's metrics, under upstream's names. Counting costs an addition: the text is made when it is scraped. */
import { exponentialBounds, PlainHistogram } from '../component-base/metrics/histogram.ts'
import { registerHistograms, registerNumbers } from '../component-base/metrics/histogram-family.ts'
import type { Registry } from '../component-base/metrics/prometheus.ts'
import type { FrameworkObserver } from './framework/observer.ts'
import type { PluginMetrics } from './framework/handle.ts'
import type { PendingPods } from './queue/scheduling-queue.ts'

type Result = 'scheduled' | 'unschedulable' | 'error'

/** What the scheduler counts itself. */
export interface SchedulerMetrics extends PluginMetrics {
  /** An attempt ended; `seconds` is all of it, binding included. */
  readonly onAttempt: (result: Result, profile: string, seconds: number) => void
  readonly onAlgorithm: (seconds: number) => void
  /** A Pod was bound: its attempts, and the time since the first of them. */
  readonly onScheduled: (attempts: number, seconds: number) => void
  readonly onPermitWait: (result: 'allowed' | 'rejected', seconds: number) => void
  readonly onIncoming: (queue: string, event: string) => void
  readonly observerOf: (profile: string) => FrameworkObserver
}

/** Gauges, read when they are scraped. */
export interface SchedulerState {
  readonly pending: () => PendingPods
  readonly cacheSize: () => { readonly nodes: number; readonly pods: number; readonly assumed_pods: number }
  /** Waiting Pods that a plugin rejected, by plugin and profile. */
  readonly unschedulable: () => Iterable<{ readonly plugin: string; readonly profile: string; readonly pods: number }>
  /** Bindings under way. */
  readonly bindings: () => number
}

type Labels = Readonly<Record<string, string>>

/** Numbers, or histograms, by the values of labels; made when they are first asked for. */
class Vector<Value> {
  readonly #names: readonly string[]
  readonly #make: () => Value
  readonly #values = new Map<string, { readonly labels: Labels; readonly value: Value }>()

  constructor(names: readonly string[], make: () => Value) {
    this.#names = names
    this.#make = make
  }

  of(...values: readonly string[]): Value {
    const key = values.length === 1 ? (values[0] ?? '') : values.join('\0')
    const known = this.#values.get(key)
    if (known !== undefined) return known.value
    const labels = Object.fromEntries(this.#names.map((name, index) => [name, values[index] ?? '']))
    const value = this.#make()
    this.#values.set(key, { labels, value })
    return value
  }

  entries(): { readonly labels: Labels; readonly value: Value }[] {
    return [...this.#values.values()]
  }
}

interface Count {
  value: number
}

interface Family {
  readonly name: string
  readonly help: string
}

/** Plugins of one cycle in ten are measured. Upstream: pluginMetricsSamplePercent. */
const measuredEvery = 10

export const createSchedulerMetrics = (registry: Registry): SchedulerMetrics => {
  const counters = ({ name, help }: Family, ...labels: readonly string[]): Vector<Count> => {
    const vector = new Vector<Count>(labels, () => ({ value: 0 }))
    const samples = () => vector.entries().map(({ labels: of, value }) => ({ labels: of, value: value.value }))
    registerNumbers(registry, { name: `scheduler_${name}`, help, type: 'counter', samples })
    return vector
  }
  const histograms = (
    { name, help, bounds }: Family & { readonly bounds: readonly number[] },
    ...labels: readonly string[]
  ): Vector<PlainHistogram> => {
    const vector = new Vector<PlainHistogram>(labels, () => new PlainHistogram(bounds))
    const samples = () => vector.entries().map(({ labels: of, value }) => ({ labels: of, histogram: value }))
    registerHistograms(registry, { name: `scheduler_${name}`, help, samples })
    return vector
  }
  const latency = exponentialBounds(0.001, 2, 15)
  const attempts = counters(
    { name: 'schedule_attempts_total', help: 'Number of attempts to schedule pods, by the result.' },
    'result',
    'profile',
  )
  const attemptSeconds = histograms(
    { name: 'scheduling_attempt_duration_seconds', help: 'Latency of an attempt, binding included.', bounds: latency },
    'result',
    'profile',
  )
  const algorithm = histograms({
    name: 'scheduling_algorithm_duration_seconds',
    help: 'Scheduling algorithm latency in seconds.',
    bounds: latency,
  })
  const sli = histograms(
    {
      name: 'pod_scheduling_sli_duration_seconds',
      help: 'Latency for a pod being scheduled, from its first attempt on.',
      bounds: exponentialBounds(0.01, 2, 20),
    },
    'attempts',
  )
  const podAttempts = histograms({
    name: 'pod_scheduling_attempts',
    help: 'Number of attempts to successfully schedule a pod.',
    bounds: exponentialBounds(1, 2, 5),
  })
  const points = histograms(
    {
      name: 'framework_extension_point_duration_seconds',
      help: 'Latency for running all plugins of a specific extension point.',
      bounds: exponentialBounds(0.0001, 2, 12),
    },
    'extension_point',
    'status',
    'profile',
  )
  const plugins = histograms(
    {
      name: 'plugin_execution_duration_seconds',
      help: 'Duration for running a plugin at a specific extension point, of one cycle in ten.',
      bounds: exponentialBounds(0.00001, 1.5, 20),
    },
    'plugin',
    'extension_point',
    'status',
  )
  const evaluations = counters(
    { name: 'plugin_evaluation_total', help: 'Number of attempts in which a plugin had a say.' },
    'plugin',
    'extension_point',
    'profile',
  )
  const incoming = counters(
    { name: 'queue_incoming_pods_total', help: 'Number of pods added to scheduling queues by event and queue type.' },
    'queue',
    'event',
  )
  const permitWait = histograms(
    { name: 'permit_wait_duration_seconds', help: 'Duration of waiting on permit.', bounds: latency },
    'result',
  )
  const victims = histograms({
    name: 'preemption_victims',
    help: 'Number of selected preemption victims.',
    bounds: exponentialBounds(1, 2, 7),
  })
  const preemptions = counters({ name: 'preemption_attempts_total', help: 'Total preemption attempts till now.' })
  let cycles = 0
  return {
    onAttempt: (result, profile, seconds) => {
      attempts.of(result, profile).value++
      attemptSeconds.of(result, profile).observe(seconds)
    },
    onAlgorithm: (seconds) => algorithm.of().observe(seconds),
    onScheduled: (count, seconds) => {
      podAttempts.of().observe(count)
      sli.of(count >= 15 ? '15+' : String(count)).observe(seconds)
    },
    onPermitWait: (result, seconds) => permitWait.of(result).observe(seconds),
    onIncoming: (queue, event) => {
      incoming.of(queue, event).value++
    },
    preemptionAttempts: {
      inc: () => {
        preemptions.of().value++
      },
    },
    preemptionVictims: { observe: (count) => victims.of().observe(count) },
    observerOf: (profile) => ({
      onPoint: (point, status, seconds) => points.of(point, status, profile).observe(seconds),
      onPlugin: (plugin, point, { status, seconds }) => plugins.of(plugin, point, status).observe(seconds),
      onEvaluation: (plugin, point) => {
        evaluations.of(plugin, point, profile).value++
      },
      isMeasured: () => cycles++ % measuredEvery === 0,
    }),
  }
}

/** Registers what is read from the scheduler itself. */
export const registerSchedulerState = (registry: Registry, state: SchedulerState): void => {
  const byLabel = (label: string, values: object) =>
    Object.entries(values).map(([name, value]) => ({ labels: { [label]: name }, value: Number(value) }))
  const gauge = (name: string, help: string, samples: () => { labels: Labels; value: number }[]): void =>
    registerNumbers(registry, { name: `scheduler_${name}`, help, type: 'gauge', samples })
  gauge('pending_pods', 'Number of pending pods, by the queue type.', () => byLabel('queue', state.pending()))
  gauge('scheduler_cache_size', 'Number of nodes, pods, and assumed (bound) pods in the scheduler cache.', () =>
    byLabel('type', state.cacheSize()),
  )
  gauge('goroutines', 'Bindings under way; there are no goroutines here.', () => [
    { labels: { operation: 'binding' }, value: state.bindings() },
  ])
  gauge('unschedulable_pods', 'The number of unschedulable pods broken down by plugin name.', () =>
    [...state.unschedulable()].map(({ plugin, profile, pods }) => ({ labels: { plugin, profile }, value: pods })),
  )
}
