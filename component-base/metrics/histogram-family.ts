/** Plain histograms in a registry of prom-client, whose own histograms cost more than what some of them measure. */
import type { PlainHistogram } from './histogram.ts'
import type { Histogram, Registry } from './prometheus.ts'

export interface HistogramFamily {
  readonly name: string
  readonly help: string
  /** Read at every scrape; those that have counted nothing are left out. */
  readonly samples: () => Iterable<{ readonly labels: Readonly<Record<string, string>>; histogram: PlainHistogram }>
}

interface Value {
  readonly metricName: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

const valuesOf = (name: string, labels: Readonly<Record<string, string>>, histogram: PlainHistogram): Value[] => {
  const { bounds, counts, sum } = histogram
  let total = 0
  const buckets = counts.map((count, i) => {
    total += count
    return { metricName: `${name}_bucket`, labels: { ...labels, le: String(bounds[i] ?? '+Inf') }, value: total }
  })
  if (total === 0) return []
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels, value: sum },
    { metricName: `${name}_count`, labels, value: total },
  ]
}

/** Throws if the registry has the name already. */
export const registerHistograms = (registry: Registry, { name, help, samples }: HistogramFamily): void => {
  const metric = {
    name,
    get: () =>
      Promise.resolve({
        name,
        help,
        type: 'histogram',
        aggregator: 'sum',
        values: [...samples()].flatMap(({ labels, histogram }) => valuesOf(name, labels, histogram)),
      }),
  }
  // A registry asks its metrics for no more than this.
  registry.registerMetric(metric as unknown as Histogram)
}
