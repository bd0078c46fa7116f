/**
 * Plain numbers and histograms in a registry of prom-client: read when they are scraped. Its own metrics cost more than
 * what some of them measure.
 */
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

const register = (
  registry: Registry,
  { name, help }: { readonly name: string; readonly help: string },
  type: 'counter' | 'gauge' | 'histogram',
  values: () => readonly object[],
): void => {
  const metric = {
    name,
    get: () => Promise.resolve({ name, help, type, aggregator: 'sum', values: values() }),
    // What is counted elsewhere is not set back by somebody who reads it.
    reset: () => {},
  }
  // A registry asks its metrics for no more than this.
  registry.registerMetric(metric as unknown as Histogram)
}

/** Throws if the registry has the name already. */
export const registerHistograms = (registry: Registry, family: HistogramFamily): void =>
  register(registry, family, 'histogram', () =>
    [...family.samples()].flatMap(({ labels, histogram }) => valuesOf(family.name, labels, histogram)),
  )

export interface NumberFamily {
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge'
  /** Read at every scrape. */
  readonly samples: () => Iterable<{ readonly labels: Readonly<Record<string, string>>; readonly value: number }>
}

/** Throws if the registry has the name already. */
export const registerNumbers = (registry: Registry, family: NumberFamily): void =>
  register(registry, family, family.type, () => [...family.samples()])
