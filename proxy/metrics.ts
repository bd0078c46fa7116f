import { Counter, Histogram, type Registry } from '../component-base/metrics/prometheus.ts'

/** kube-proxy's metrics under upstream's names, CoreDNS's for cluster DNS, and our own for network policies. */
export interface ProxyMetrics {
  readonly syncSeconds: Histogram
  readonly syncFailures: Counter
  readonly policySyncSeconds: Histogram
  readonly policySyncFailures: Counter
  readonly dnsRequests: Counter<'proto' | 'type'>
  readonly dnsResponses: Counter<'rcode'>
}

export const createProxyMetrics = (registry: Registry): ProxyMetrics => ({
  syncSeconds: new Histogram({
    name: 'kubeproxy_sync_proxy_rules_duration_seconds',
    help: 'Time that one write of rules took.',
    buckets: Array.from({ length: 15 }, (_, index) => 0.001 * 2 ** index),
    registers: [registry],
  }),
  syncFailures: new Counter({
    name: 'kubeproxy_sync_proxy_rules_nftables_sync_failures_total',
    help: 'Writes of rules that nft refused.',
    registers: [registry],
  }),
  policySyncSeconds: new Histogram({
    name: 'network_policy_sync_duration_seconds',
    help: 'Time that one write of the rules of network policies took.',
    buckets: Array.from({ length: 15 }, (_, index) => 0.001 * 2 ** index),
    registers: [registry],
  }),
  policySyncFailures: new Counter({
    name: 'network_policy_sync_failures_total',
    help: 'Writes of the rules of network policies that nft refused.',
    registers: [registry],
  }),
  dnsRequests: new Counter({
    name: 'coredns_dns_requests_total',
    help: 'DNS queries, by transport and type.',
    labelNames: ['proto', 'type'],
    registers: [registry],
  }),
  dnsResponses: new Counter({
    name: 'coredns_dns_responses_total',
    help: 'DNS answers, by code.',
    labelNames: ['rcode'],
    registers: [registry],
  }),
})
