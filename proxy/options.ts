import { loadConfigFile } from '../component-base/config/config-file.ts'
import { defineFlags } from '../component-base/flags/flags.ts'

/** kube-proxy's flags, and some of our own for cluster DNS, which runs in this process on every node. */
export const flags = defineFlags({
  config: { type: 'string', default: '', help: 'Path to a KubeProxyConfiguration file; it wins over other flags.' },
  kubeconfig: { type: 'string', default: '', help: 'Path to the kubeconfig with credentials for the API server.' },
  'hostname-override': { type: 'string', default: '', help: 'Name of the node; default: the hostname.' },
  'cluster-cidr': {
    type: 'string',
    default: '',
    help: 'Range of all Pods: other sources are masqueraded to cluster IPs.',
  },
  'proxy-mode': { type: 'string', default: 'nftables', help: 'Only nftables is supported.' },
  'healthz-bind-address': { type: 'string', default: '0.0.0.0:10256', help: 'Address of /healthz and /livez.' },
  'metrics-bind-address': { type: 'string', default: '127.0.0.1:10249', help: 'Address of /metrics.' },
  'cluster-dns': {
    type: 'string',
    default: '',
    help: 'Address on which this node answers cluster DNS; empty: no DNS.',
  },
  'dns-kubeconfig': {
    type: 'string',
    default: '',
    help: 'Kubeconfig of cluster DNS, for what the proxy itself may not read; default: --kubeconfig.',
  },
  'policy-kubeconfig': {
    type: 'string',
    default: '',
    help: 'Kubeconfig of who enforces NetworkPolicies on this node; empty: they are not enforced.',
  },
  'cni-cache-dir': {
    type: 'string',
    default: '/var/lib/cni/results',
    help: "CNI's cache of results, from which policies know the addresses of new Pods.",
  },
  'cluster-domain': { type: 'string', default: 'cluster.local', help: 'Domain of cluster DNS.' },
  'resolv-conf': { type: 'string', default: '/etc/resolv.conf', help: 'Resolvers for names outside the cluster.' },
  'node-routes': { type: 'bool', default: true, help: "Keep routes to the other nodes' Pods." },
  cleanup: { type: 'bool', default: false, help: 'Remove the rules and exit.' },
})

/** Fields of KubeProxyConfiguration that are honoured. */
export interface ProxyConfiguration {
  readonly clusterCIDR?: string
  readonly hostnameOverride?: string
  readonly healthzBindAddress?: string
  readonly metricsBindAddress?: string
  readonly mode?: string
  readonly clientConnection?: { readonly kubeconfig?: string }
}

export const loadProxyConfiguration = (path: string): ProxyConfiguration =>
  path === ''
    ? {}
    : loadConfigFile(path, { apiVersion: 'kubeproxy.config.k8s.io/v1alpha1', kind: 'KubeProxyConfiguration' })
