/** All metrics of the API server, under upstream's names, with small label sets. */
import { Counter, Gauge, Histogram, type Registry } from '../component-base/metrics/prometheus.ts'
import type { RequestInfo } from './server/request-info.ts'

export interface ApiServerMetrics {
  /** `seconds` is undefined for long-running requests, whose duration says nothing. */
  request(info: RequestInfo, code: number, seconds: number | undefined): void
  longRunning(info: RequestInfo, change: 1 | -1): void
  etcdRequest(operation: string, seconds: number): void
  /** A counter of the events that watchers of a kind get. */
  watchEvents(kind: { readonly group: string; readonly version: string; readonly kind: string }): () => void
}

const latencyBuckets = [0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.5, 2, 3, 5, 10, 30, 60]
const etcdBuckets = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

const verbOf = ({ verb }: RequestInfo): string => {
  switch (verb) {
    case 'create':
      return 'POST'
    case 'update':
      return 'PUT'
    default:
      return verb.toUpperCase()
  }
}

const scopeOf = (info: RequestInfo): string => {
  if (!info.isResourceRequest) return ''
  if (info.name !== '') return 'resource'
  return info.namespace === '' ? 'cluster' : 'namespace'
}

export const createApiServerMetrics = (registry: Registry): ApiServerMetrics => {
  const labels = ['verb', 'group', 'version', 'resource', 'subresource', 'scope', 'component'] as const
  const requests = new Counter({
    name: 'apiserver_request_total',
    help: 'Counter of apiserver requests broken out for each verb, group, version, resource, scope, component and HTTP response code.',
    labelNames: [...labels, 'code'],
    registers: [registry],
  })
  const durations = new Histogram({
    name: 'apiserver_request_duration_seconds',
    help: 'Response latency in seconds by verb, group, version, resource, subresource, scope and component.',
    labelNames: [...labels],
    buckets: latencyBuckets,
    registers: [registry],
  })
  const longRunning = new Gauge({
    name: 'apiserver_longrunning_requests',
    help: 'Active long-running requests by verb, group, version, resource, scope and component.',
    labelNames: [...labels],
    registers: [registry],
  })
  const etcd = new Histogram({
    name: 'etcd_request_duration_seconds',
    help: 'Latency of requests to the store by operation.',
    labelNames: ['operation'],
    buckets: etcdBuckets,
    registers: [registry],
  })
  const watchEvents = new Counter({
    name: 'apiserver_watch_events_total',
    help: 'Number of events sent in watch clients.',
    labelNames: ['group', 'version', 'kind'],
    registers: [registry],
  })
  /** prom-client hashes labels at every call: children are looked up once. */
  const requestChildren = new Map<string, { counter: Counter.Internal; histogram: Histogram.Internal<string> }>()
  const etcdChildren = new Map<string, Histogram.Internal<string>>()
  const labelsOf = (info: RequestInfo) => ({
    verb: verbOf(info),
    group: info.apiGroup,
    version: info.apiVersion,
    resource: info.resource,
    subresource: info.subresource,
    scope: scopeOf(info),
    component: 'apiserver',
  })
  return {
    request: (info, code, seconds) => {
      // Names that clients invent must not grow the registry: only what was served counts by resource.
      const known = info.isResourceRequest && code !== 404
      const key = known
        ? `${info.verb} ${info.apiGroup} ${info.apiVersion} ${info.resource} ${info.subresource} ${scopeOf(info)} ${code}`
        : `${info.verb} ${code}`
      let child = requestChildren.get(key)
      if (child === undefined) {
        const values = known
          ? labelsOf(info)
          : {
              verb: verbOf(info),
              group: '',
              version: '',
              resource: '',
              subresource: '',
              scope: '',
              component: 'apiserver',
            }
        child = { counter: requests.labels({ ...values, code }), histogram: durations.labels(values) }
        requestChildren.set(key, child)
      }
      child.counter.inc()
      if (seconds !== undefined) child.histogram.observe(seconds)
    },
    watchEvents: ({ group, version, kind }) => {
      const child = watchEvents.labels(group, version, kind)
      return () => child.inc()
    },
    longRunning: (info, change) => longRunning.labels(labelsOf(info)).inc(change),
    etcdRequest: (operation, seconds) => {
      let child = etcdChildren.get(operation)
      if (child === undefined) {
        child = etcd.labels(operation)
        etcdChildren.set(operation, child)
      }
      child.observe(seconds)
    },
  }
}

/** For the plain limit: flow control has a metric of that name too. */
export const createInFlightMetric = (registry: Registry): ((kind: 'readOnly' | 'mutating', count: number) => void) => {
  const inFlight = new Gauge({
    name: 'apiserver_current_inflight_requests',
    help: 'Number of requests in flight, reading and mutating.',
    labelNames: ['request_kind'],
    registers: [registry],
  })
  return (kind, count) => inFlight.labels(kind).set(count)
}
