/** What work queues tell of themselves, under upstream's names. Upstream: component-base/metrics/prometheus/workqueue. */
import { type Clock, realClock } from '../../component-base/clock.ts'
import { exponentialBounds, PlainHistogram } from '../../component-base/metrics/histogram.ts'
import { registerHistograms, registerNumbers } from '../../component-base/metrics/histogram-family.ts'
import type { Registry } from '../../component-base/metrics/prometheus.ts'

/** What a queue says as it works. */
export interface QueueObserver {
  /** A key that was neither waiting to be worked on nor marked to be worked on again. */
  readonly added: (key: string) => void
  readonly got: (key: string) => void
  readonly done: (key: string) => void
  readonly retried: () => void
}

export interface QueueMetrics {
  /** Of several queues of one name the numbers are added up. */
  readonly observer: (name: string) => QueueObserver
}

const bounds = exponentialBounds(1e-8, 10, 12)

interface Numbers {
  adds: number
  retries: number
  readonly waitSeconds: PlainHistogram
  readonly workSeconds: PlainHistogram
  readonly queues: { readonly waiting: Map<string, number>; readonly working: Map<string, number> }[]
}

export const createQueueMetrics = (registry: Registry, clock: Clock = realClock): QueueMetrics => {
  const byName = new Map<string, Numbers>()
  const ages = ({ queues }: Numbers): number[] =>
    queues.flatMap(({ working }) => [...working.values()].map((since) => (clock.now() - since) / 1000))
  const number = (name: string, help: string, type: 'counter' | 'gauge', read: (numbers: Numbers) => number): void => {
    const samples = () => [...byName].map(([queue, numbers]) => ({ labels: { name: queue }, value: read(numbers) }))
    registerNumbers(registry, { name: `workqueue_${name}`, help, type, samples })
  }
  const histogram = (name: string, help: string, read: (numbers: Numbers) => PlainHistogram): void => {
    const samples = () => [...byName].map(([queue, numbers]) => ({ labels: { name: queue }, histogram: read(numbers) }))
    registerHistograms(registry, { name: `workqueue_${name}`, help, samples })
  }
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)
  number('adds_total', 'Keys that were added.', 'counter', ({ adds }) => adds)
  number('retries_total', 'Keys that were tried again after a failure.', 'counter', ({ retries }) => retries)
  number('depth', 'Keys that wait to be worked on.', 'gauge', ({ queues }) =>
    sum(queues.map(({ waiting }) => waiting.size)),
  )
  number('unfinished_work_seconds', 'How long what is worked on has taken so far, in all.', 'gauge', (numbers) =>
    sum(ages(numbers)),
  )
  number('longest_running_processor_seconds', 'How long the longest of these has taken.', 'gauge', (numbers) =>
    Math.max(0, ...ages(numbers)),
  )
  histogram('queue_duration_seconds', 'How long keys wait.', ({ waitSeconds }) => waitSeconds)
  histogram('work_duration_seconds', 'How long keys are worked on.', ({ workSeconds }) => workSeconds)

  /** Ends a stay that began at a noted time, and counts how long it was. */
  const end = (began: Map<string, number>, key: string, seconds: PlainHistogram): void => {
    const since = began.get(key)
    if (since === undefined) return
    began.delete(key)
    seconds.observe((clock.now() - since) / 1000)
  }

  return {
    observer: (name) => {
      const numbers: Numbers = byName.get(name) ?? {
        adds: 0,
        retries: 0,
        waitSeconds: new PlainHistogram(bounds),
        workSeconds: new PlainHistogram(bounds),
        queues: [],
      }
      byName.set(name, numbers)
      const waiting = new Map<string, number>()
      const working = new Map<string, number>()
      numbers.queues.push({ waiting, working })
      return {
        added: (key) => {
          numbers.adds += 1
          if (!waiting.has(key)) waiting.set(key, clock.now())
        },
        got: (key) => {
          end(waiting, key, numbers.waitSeconds)
          working.set(key, clock.now())
        },
        done: (key) => end(working, key, numbers.workSeconds),
        retried: () => {
          numbers.retries += 1
        },
      }
    },
  }
}
