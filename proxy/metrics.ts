import { Counter, Gauge, Histogram, type Registry } from '../component-base/metrics/prometheus.ts'

/** kube-proxy's metrics under upstream's names, CoreDNS's for cluster DNS, and our own for network policies. */
export interface ProxyMetrics {
  readonly syncSeconds: Histogram<'ip_family'>
  readonly fullSyncSeconds: Histogram<'ip_family'>
  readonly partialSyncSeconds: Histogram<'ip_family'>
  readonly programmingSeconds: Histogram<'ip_family'>
  readonly lastSync: Gauge<'ip_family'>
  readonly lastQueued: Gauge<'ip_family'>
  readonly syncFailures: Counter<'ip_family'>
  readonly cleanupFailures: Counter<'ip_family'>
  readonly noLocalEndpoints: Gauge<'ip_family' | 'traffic_policy'>
  readonly flowSeconds: Histogram<'ip_family'>
  readonly deletedFlows: Counter<'ip_family'>
  readonly serviceChanges: Counter
  readonly endpointChanges: Counter
  readonly pendingServices: Gauge
  readonly pendingEndpoints: Gauge
  readonly healthz: Counter<'code'>
  readonly livez: Counter<'code'>
  readonly policySyncSeconds: Histogram
  readonly policySyncFailures: Counter
  readonly dnsRequests: Counter<'proto' | 'type'>
  readonly dnsResponses: Counter<'rcode'>
  readonly dnsSeconds: Histogram
  readonly dnsCacheHits: Counter<'type'>
  readonly dnsCacheMisses: Counter
}

const syncBuckets = Array.from({ length: 15 }, (_, index) => 0.001 * 2 ** index)
/** Where upstream's service level objective for the programming of networks looks. */
const programmingBuckets = [
  0.25,
  0.5,
  ...Array.from({ length: 59 }, (_, index) => index + 1),
  ...Array.from({ length: 12 }, (_, index) => 60 + index * 5),
  ...Array.from({ length: 7 }, (_, index) => 120 + index * 30),
]

export const createProxyMetrics = (registry: Registry): ProxyMetrics => {
  const registers = [registry]
  const family = ['ip_family'] as const
  const histogram = (name: string, help: string, buckets: number[]): Histogram<'ip_family'> =>
    new Histogram({ name: `kubeproxy_${name}`, help, labelNames: family, buckets, registers })
  const counter = (name: string, help: string): Counter<'ip_family'> =>
    new Counter({ name: `kubeproxy_${name}`, help, labelNames: family, registers })
  const gauge = (name: string, help: string): Gauge<'ip_family'> =>
    new Gauge({ name: `kubeproxy_${name}`, help, labelNames: family, registers })
  const codes = (name: string, help: string): Counter<'code'> =>
    new Counter({ name: `kubeproxy_${name}`, help, labelNames: ['code'], registers })
  return {
    syncSeconds: histogram('sync_proxy_rules_duration_seconds', 'Time that a write of rules took.', syncBuckets),
    fullSyncSeconds: histogram(
      'sync_full_proxy_rules_duration_seconds',
      'Time that a write of all rules took.',
      syncBuckets,
    ),
    partialSyncSeconds: histogram(
      'sync_partial_proxy_rules_duration_seconds',
      'Time that a write of changed rules took.',
      syncBuckets,
    ),
    programmingSeconds: histogram(
      'network_programming_duration_seconds',
      'Time from a change of endpoints to its rules.',
      programmingBuckets,
    ),
    lastSync: gauge('sync_proxy_rules_last_timestamp_seconds', 'When rules were written last.'),
    lastQueued: gauge('sync_proxy_rules_last_queued_timestamp_seconds', 'When a write of rules was asked for last.'),
    syncFailures: counter('sync_proxy_rules_nftables_sync_failures_total', 'Writes of rules that nft refused.'),
    cleanupFailures: counter(
      'sync_proxy_rules_nftables_cleanup_failures_total',
      'Deletions of unused chains that nft refused.',
    ),
    noLocalEndpoints: new Gauge({
      name: 'kubeproxy_sync_proxy_rules_no_local_endpoints_total',
      help: 'Service ports with a Local traffic policy and no endpoint here.',
      labelNames: ['ip_family', 'traffic_policy'],
      registers,
    }),
    flowSeconds: histogram(
      'conntrack_reconciler_sync_duration_seconds',
      'Time that the search for stale flows took.',
      syncBuckets,
    ),
    deletedFlows: counter('conntrack_reconciler_deleted_entries_total', 'Stale flows that were deleted.'),
    serviceChanges: new Counter({
      name: 'kubeproxy_sync_proxy_rules_service_changes_total',
      help: 'Changes of Services.',
      registers,
    }),
    endpointChanges: new Counter({
      name: 'kubeproxy_sync_proxy_rules_endpoint_changes_total',
      help: 'Changes of EndpointSlices.',
      registers,
    }),
    pendingServices: new Gauge({
      name: 'kubeproxy_sync_proxy_rules_service_changes_pending',
      help: 'Changed Services whose rules are not written yet.',
      registers,
    }),
    pendingEndpoints: new Gauge({
      name: 'kubeproxy_sync_proxy_rules_endpoint_changes_pending',
      help: 'Services with changed endpoints whose rules are not written yet.',
      registers,
    }),
    healthz: codes('proxy_healthz_total', 'Answers of /healthz.'),
    livez: codes('proxy_livez_total', 'Answers of /livez.'),
    policySyncSeconds: new Histogram({
      name: 'network_policy_sync_duration_seconds',
      help: 'Time that one write of the rules of network policies took.',
      buckets: syncBuckets,
      registers,
    }),
    policySyncFailures: new Counter({
      name: 'network_policy_sync_failures_total',
      help: 'Writes of the rules of network policies that nft refused.',
      registers,
    }),
    dnsRequests: new Counter({
      name: 'coredns_dns_requests_total',
      help: 'DNS queries, by transport and type.',
      labelNames: ['proto', 'type'],
      registers,
    }),
    dnsResponses: new Counter({
      name: 'coredns_dns_responses_total',
      help: 'DNS answers, by code.',
      labelNames: ['rcode'],
      registers,
    }),
    dnsSeconds: new Histogram({
      name: 'coredns_dns_request_duration_seconds',
      help: 'Time that an answer took.',
      buckets: Array.from({ length: 16 }, (_, index) => 0.00025 * 2 ** index),
      registers,
    }),
    dnsCacheHits: new Counter({
      name: 'coredns_cache_hits_total',
      help: 'Questions for other resolvers whose answer was remembered.',
      labelNames: ['type'],
      registers,
    }),
    dnsCacheMisses: new Counter({
      name: 'coredns_cache_misses_total',
      help: 'Questions that other resolvers were asked.',
      registers,
    }),
  }
}
