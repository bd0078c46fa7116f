/**
 * Reads the metrics APIs, which aggregated servers provide: metrics.k8s.io (CPU and memory of Pods),
 * custom.metrics.k8s.io (of Pods and other objects), external.metrics.k8s.io.
 * Upstream: pkg/controller/podautoscaler/metrics.
 */
import { labelSelectorString } from '../../api/meta/labels.ts'
import { milliValue } from '../../api/meta/quantity.ts'
import type { LabelSelector } from '../../api/types.ts'
import type { RestClient } from '../../client/rest/rest-client.ts'
import { timeMs } from '../objects.ts'
import { messageOf } from '../errors.ts'
import type { PodMetric, PodMetrics } from './replicas.ts'

/** Where the window is not told: a minute, as upstream takes it. */
const defaultWindowMs = 60_000

export interface MetricName {
  readonly name: string
  readonly selector?: LabelSelector | undefined
}

/** An object that a metric describes, by its path: `services/web`. */
export interface DescribedObject {
  readonly resource: string
  readonly group: string
  readonly name: string
}

export interface MetricsClient {
  /** CPU or memory of the Pods that the selector matches; of one container if it is named. */
  resource(namespace: string, resource: string, selector: string, container: string | undefined): Promise<PodMetrics>
  pods(namespace: string, metric: MetricName, selector: string): Promise<PodMetrics>
  /** In thousandths. */
  object(namespace: string, metric: MetricName, object: DescribedObject): Promise<number>
  /** All values that the metric has, added, in thousandths. */
  external(namespace: string, metric: MetricName): Promise<number>
}

interface ContainerMetrics {
  readonly name?: string
  readonly usage?: Readonly<Record<string, string>>
}

/** An item of a list of any of the three APIs. */
interface Item {
  readonly metadata?: { readonly name?: string }
  readonly timestamp?: string
  readonly window?: string
  readonly windowSeconds?: number
  readonly containers?: readonly ContainerMetrics[]
  readonly describedObject?: { readonly name?: string }
  readonly value?: string
}

const itemsOf = (answer: unknown): readonly Item[] => {
  const items = (answer as { readonly items?: unknown } | null)?.items
  return Array.isArray(items) ? (items as readonly Item[]) : []
}

/** Go's duration as these servers write it: `30s`, `1m0s`, `20.5s`. */
const durationMs = (text: string | undefined): number | undefined => {
  const match = /^(?:(\d+)h)?(?:(\d+)m)?(?:([\d.]+)s)?$/.exec(text ?? '')
  if (match === null || text === undefined || text === '') return undefined
  return (Number(match[1] ?? 0) * 3600 + Number(match[2] ?? 0) * 60 + Number(match[3] ?? 0)) * 1000
}

const podMetric = (milli: number, { timestamp, window, windowSeconds }: Item): PodMetric => ({
  milli,
  atMs: timeMs(timestamp) ?? 0,
  windowMs: durationMs(window) ?? (windowSeconds === undefined ? defaultWindowMs : windowSeconds * 1000),
})

/** What the containers use together; undefined where one of them, or the wanted one, is not measured. */
const usageOf = ({ containers = [] }: Item, resource: string, container: string | undefined): number | undefined => {
  const wanted = containers.filter(({ name }) => container === undefined || name === container)
  if (container !== undefined && wanted.length === 0) return undefined
  let sum = 0
  for (const { usage } of wanted) {
    const value = usage?.[resource]
    if (value === undefined) return undefined
    sum += milliValue(value)
  }
  return sum
}

const customVersions = ['v1beta2', 'v1beta1'] as const

export const createMetricsClient = (client: RestClient): MetricsClient => {
  const read = async (
    what: string,
    path: string,
    query: Readonly<Record<string, string>>,
  ): Promise<readonly Item[]> => {
    const params = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== ''))
    let items: readonly Item[]
    try {
      items = itemsOf(await client.raw('GET', params.size === 0 ? path : `${path}?${params.toString()}`))
    } catch (error) {
      throw new Error(`unable to fetch metrics from ${what} metrics API: ${messageOf(error)}`, { cause: error })
    }
    if (items.length === 0) throw new Error(`no metrics returned from ${what} metrics API`)
    return items
  }

  /** The newest version of the custom metrics API that is served. */
  const customVersion = async (): Promise<string> => {
    try {
      const group = (await client.raw('GET', '/apis/custom.metrics.k8s.io')) as {
        readonly versions?: readonly { readonly version?: string }[]
      }
      const served = new Set((group.versions ?? []).map(({ version }) => version))
      return customVersions.find((version) => served.has(version)) ?? customVersions[0]
    } catch (error) {
      throw new Error(`unable to fetch metrics from custom metrics API: ${messageOf(error)}`, { cause: error })
    }
  }
  const custom = async (namespace: string, object: string, metric: MetricName, labelSelector: string) => {
    const base = `/apis/custom.metrics.k8s.io/${await customVersion()}/namespaces/${namespace}`
    return read('custom', `${base}/${object}/${metric.name}`, {
      labelSelector,
      metricLabelSelector: labelSelectorString(metric.selector),
    })
  }

  return {
    resource: async (namespace, resource, selector, container) => {
      const path = `/apis/metrics.k8s.io/v1beta1/namespaces/${namespace}/pods`
      const metrics = new Map<string, PodMetric>()
      for (const item of await read('resource', path, { labelSelector: selector })) {
        const milli = usageOf(item, resource, container)
        if (milli !== undefined) metrics.set(item.metadata?.name ?? '', podMetric(milli, item))
      }
      return metrics
    },
    pods: async (namespace, metric, selector) => {
      const metrics = new Map<string, PodMetric>()
      for (const item of await custom(namespace, 'pods/*', metric, selector)) {
        metrics.set(item.describedObject?.name ?? '', podMetric(milliValue(item.value ?? '0'), item))
      }
      return metrics
    },
    object: async (namespace, metric, { resource, group, name }) => {
      const qualified = group === '' ? resource : `${resource}.${group}`
      const [item] = await custom(namespace, `${qualified}/${name}`, metric, '')
      return milliValue(item?.value ?? '0')
    },
    external: async (namespace, metric) => {
      const path = `/apis/external.metrics.k8s.io/v1beta1/namespaces/${namespace}/${metric.name}`
      const items = await read('external', path, { labelSelector: labelSelectorString(metric.selector) })
      return items.reduce((sum, { value }) => sum + milliValue(value ?? '0'), 0)
    },
  }
}
