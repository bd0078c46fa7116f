/**
 * What the metrics of an autoscaler's spec propose, each, and what status tells of them.
 * Upstream: the computeStatusFor… functions of horizontal.go.
 */
import { formatQuantity, milliValue, quantityFromMilli } from '../../api/meta/quantity.ts'
import type { HorizontalPodAutoscaler, LabelSelector, Pod } from '../../api/types.ts'
import { messageOf } from '../errors.ts'
import type { Spec } from './behavior.ts'
import type { DescribedObject, MetricName, MetricsClient } from './metrics-client.ts'
import {
  type Calculation,
  replicasByAverage,
  replicasByShare,
  replicasByUtilization,
  replicasByValue,
} from './replicas.ts'

export type MetricSpec = NonNullable<Spec['metrics']>[number]
export type MetricStatus = NonNullable<NonNullable<HorizontalPodAutoscaler['status']>['currentMetrics']>[number]

export interface Target {
  readonly namespace: string
  readonly specReplicas: number
  readonly statusReplicas: number
  /** Of the target's Pods, as its scale tells it. */
  readonly selector: string
  readonly pods: readonly Pod[]
}

export interface MetricProposal {
  readonly replicas: number
  /** As conditions and events call it. */
  readonly name: string
  readonly status: MetricStatus
}

/** A metric that says nothing now: why, as a condition's reason. */
export class MetricError extends Error {
  readonly reason: string
  constructor(reason: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.reason = reason
  }
}

export interface MetricSources {
  readonly client: MetricsClient
  /** The resource of a kind; throws where the API server has none. */
  readonly resourceOf: (
    apiVersion: string,
    kind: string,
  ) => Promise<{ readonly group: string; readonly resource: string }>
  readonly calculation: Calculation
}

const milliText = (milli: number): string => formatQuantity(quantityFromMilli(milli))

/** Go prints a selector's pointer with %+v like this. */
const shownSelector = (selector: LabelSelector | undefined): string => {
  if (selector === undefined) return 'nil'
  const labels = Object.entries(selector.matchLabels ?? {}).map(([key, value]) => `${key}:${value}`)
  const expressions = (selector.matchExpressions ?? []).map(
    ({ key, operator, values }) => `{Key:${key},Operator:${operator},Values:[${(values ?? []).join(' ')}],}`,
  )
  return `&LabelSelector{MatchLabels:map[string]string{${labels.map((label) => `${label},`).join(' ')}},MatchExpressions:[]LabelSelectorRequirement{${expressions.join(',')}},}`
}

type ResourceTarget = NonNullable<MetricSpec['resource']>['target']

const byResource = async (
  resource: string,
  container: string | undefined,
  { averageValue, averageUtilization }: ResourceTarget,
  target: Target,
  { client, calculation }: MetricSources,
): Promise<{ replicas: number; name: string; current: { averageUtilization?: number; averageValue: string } }> => {
  const what = averageValue === undefined ? 'utilization' : 'usage'
  try {
    if (averageValue === undefined && averageUtilization === undefined) {
      throw new Error(
        `invalid resource metric source: neither an average utilization target nor an average value (usage) target was set`,
      )
    }
    let metrics
    try {
      metrics = await client.resource(target.namespace, resource, target.selector, container)
    } catch (error) {
      throw new Error(`unable to get metrics for resource ${resource}: ${messageOf(error)}`, { cause: error })
    }
    if (averageValue !== undefined) {
      const { replicas, averageMilli } = replicasByAverage(
        target.specReplicas,
        milliValue(averageValue),
        resource,
        target.pods,
        metrics,
        calculation,
      )
      return { replicas, name: `${resource} resource`, current: { averageValue: milliText(averageMilli) } }
    }
    const { replicas, averageMilli, utilization } = replicasByUtilization(
      target.specReplicas,
      averageUtilization ?? 0,
      resource,
      container,
      target.pods,
      metrics,
      calculation,
    )
    return {
      replicas,
      name: `${resource} ${container === undefined ? '' : 'container '}resource utilization (percentage of request)`,
      current: {
        ...(utilization === undefined ? {} : { averageUtilization: utilization }),
        averageValue: milliText(averageMilli),
      },
    }
  } catch (error) {
    throw new Error(`failed to get ${resource} ${what}: ${messageOf(error)}`, { cause: error })
  }
}

const metricOf = ({ name, selector }: MetricName): { name: string; selector?: LabelSelector } => ({
  name,
  ...(selector === undefined ? {} : { selector }),
})

const pathOf = async (
  { apiVersion = '', kind, name }: { readonly apiVersion?: string; readonly kind: string; readonly name: string },
  { resourceOf }: MetricSources,
): Promise<DescribedObject> => ({ ...(await resourceOf(apiVersion, kind)), name })

const named = async <T>(reason: string, what: string, work: () => Promise<T>): Promise<T> => {
  try {
    return await work()
  } catch (error) {
    throw new MetricError(reason, `failed to get ${what}: ${messageOf(error)}`, { cause: error })
  }
}

const proposeByObject = async (
  { describedObject, metric, target: wanted }: NonNullable<MetricSpec['object']>,
  target: Target,
  sources: MetricSources,
): Promise<MetricProposal> => {
  const path = await pathOf(describedObject, sources)
  let value: number
  try {
    value = await sources.client.object(target.namespace, metric, path)
  } catch (error) {
    const { kind, name } = describedObject
    const shown = `${kind} on ${target.namespace} ${name}`
    throw new Error(`unable to get metric ${metric.name}: ${shown}/${messageOf(error)}`, { cause: error })
  }
  const status = (current: object): MetricStatus => ({
    type: 'Object',
    object: { current, describedObject, metric: metricOf(metric) },
  })
  if (wanted.type === 'Value') {
    const replicas = replicasByValue(
      target.specReplicas,
      value,
      milliValue(wanted.value ?? '0'),
      target.pods,
      sources.calculation,
    )
    return {
      replicas,
      name: `${describedObject.kind} metric ${metric.name}`,
      status: status({ value: milliText(value) }),
    }
  }
  const share = replicasByShare(
    target.statusReplicas,
    value,
    milliValue(wanted.averageValue ?? '0'),
    sources.calculation,
  )
  return {
    replicas: share.replicas,
    name: `external metric ${metric.name}(${shownSelector(metric.selector)})`,
    status: status({ averageValue: milliText(share.averageMilli) }),
  }
}

const proposeByExternal = async (
  { metric, target: wanted }: NonNullable<MetricSpec['external']>,
  target: Target,
  { client, calculation }: MetricSources,
): Promise<MetricProposal> => {
  let value: number
  try {
    value = await client.external(target.namespace, metric)
  } catch (error) {
    const shown = `${target.namespace}/${metric.name}/${shownSelector(metric.selector)}`
    throw new Error(`unable to get external metric ${shown}: ${messageOf(error)}`, { cause: error })
  }
  const name = `external metric ${metric.name}(${shownSelector(metric.selector)})`
  const status = (current: object): MetricStatus => ({
    type: 'External',
    external: { current, metric: metricOf(metric) },
  })
  if (wanted.averageValue !== undefined) {
    const share = replicasByShare(target.statusReplicas, value, milliValue(wanted.averageValue), calculation)
    return { replicas: share.replicas, name, status: status({ averageValue: milliText(share.averageMilli) }) }
  }
  if (wanted.value === undefined) {
    throw new Error('invalid external metric source: neither a value target nor an average value target was set')
  }
  const replicas = replicasByValue(target.specReplicas, value, milliValue(wanted.value), target.pods, calculation)
  return { replicas, name, status: status({ value: milliText(value) }) }
}

/** What one metric proposes. Throws MetricError. */
export const propose = async (spec: MetricSpec, target: Target, sources: MetricSources): Promise<MetricProposal> => {
  const { resource, containerResource, pods, object, external } = spec
  if (spec.type === 'Resource' && resource !== undefined) {
    return named('FailedGetResourceMetric', `${resource.name} resource metric value`, async () => {
      const { current, ...rest } = await byResource(resource.name, undefined, resource.target, target, sources)
      return { ...rest, status: { type: spec.type, resource: { current, name: resource.name } } }
    })
  }
  if (spec.type === 'ContainerResource' && containerResource !== undefined) {
    const { name, container } = containerResource
    return named('FailedGetContainerResourceMetric', `${name} container metric value`, async () => {
      const { current, ...rest } = await byResource(name, container, containerResource.target, target, sources)
      return { ...rest, status: { type: spec.type, containerResource: { container, current, name } } }
    })
  }
  if (spec.type === 'Pods' && pods !== undefined) {
    const { metric, target: wanted } = pods
    return named('FailedGetPodsMetric', 'pods metric value', async () => {
      let values
      try {
        values = await sources.client.pods(target.namespace, metric, target.selector)
      } catch (error) {
        throw new Error(`unable to get metric ${metric.name}: ${messageOf(error)}`, { cause: error })
      }
      const { replicas, averageMilli } = replicasByAverage(
        target.specReplicas,
        milliValue(wanted.averageValue ?? '0'),
        '',
        target.pods,
        values,
        sources.calculation,
      )
      return {
        replicas,
        name: `pods metric ${metric.name}`,
        status: {
          type: spec.type,
          pods: { current: { averageValue: milliText(averageMilli) }, metric: metricOf(metric) },
        },
      }
    })
  }
  if (spec.type === 'Object' && object !== undefined) {
    return named('FailedGetObjectMetric', 'object metric value', () => proposeByObject(object, target, sources))
  }
  if (spec.type === 'External' && external !== undefined) {
    return named('FailedGetExternalMetric', 'external metric value', () => proposeByExternal(external, target, sources))
  }
  throw new MetricError('InvalidMetricSourceType', `unknown metric source type ${JSON.stringify(spec.type)}`)
}
