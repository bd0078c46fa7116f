/** The /etc/resolv.conf of Pods. Upstream: pkg/kubelet/network/dns. */
import { type BoundPod, isHostNetwork } from '../pod.ts'
import type { DnsConfig } from '../runtime/runtime-service.ts'

export interface DnsSettings {
  /** --cluster-dns: addresses of the cluster's DNS. */
  readonly clusterDNS: readonly string[]
  readonly clusterDomain: string
  /** The node's own configuration. */
  readonly node: DnsConfig
}

const maxNameservers = 3
const maxSearches = 32

/** Reads resolv.conf(5). */
export const parseResolvConf = (text: string): DnsConfig => {
  const servers: string[] = []
  let searches: string[] = []
  let options: string[] = []
  for (const line of text.split('\n')) {
    const [keyword, ...values] = line
      .replace(/[#;].*$/, '')
      .trim()
      .split(/\s+/)
    if (keyword === 'nameserver' && values[0] !== undefined) servers.push(values[0])
    // The last search line wins.
    if (keyword === 'search') searches = values.map((value) => (value === '.' ? value : value.replace(/\.$/, '')))
    if (keyword === 'options') options = values
  }
  return { servers, searches, options }
}

const unique = (items: readonly string[]): string[] => [...new Set(items)]

const policyOf = (pod: BoundPod, settings: DnsSettings): 'cluster' | 'node' | 'none' => {
  const policy = pod.spec.dnsPolicy ?? 'ClusterFirst'
  if (policy === 'None') return 'none'
  if (policy === 'Default') return 'node'
  if (policy === 'ClusterFirst' && isHostNetwork(pod)) return 'node'
  return settings.clusterDNS.length === 0 ? 'node' : 'cluster'
}

const baseConfig = (pod: BoundPod, settings: DnsSettings): DnsConfig => {
  const { clusterDNS, clusterDomain, node } = settings
  switch (policyOf(pod, settings)) {
    case 'none':
      return { servers: [], searches: [], options: [] }
    case 'node':
      return { ...node, servers: node.servers.length === 0 ? ['127.0.0.1'] : node.servers }
    case 'cluster':
      return {
        servers: clusterDNS,
        searches: unique([
          `${pod.metadata.namespace}.svc.${clusterDomain}`,
          `svc.${clusterDomain}`,
          clusterDomain,
          ...node.searches,
        ]),
        options: ['ndots:5'],
      }
  }
}

/** Options of the Pod replace those of the same name. */
const mergeOptions = (base: readonly string[], own: readonly string[]): string[] => {
  const nameOf = (option: string): string => option.split(':')[0] ?? option
  const replaced = new Set(own.map(nameOf))
  return [...base.filter((option) => !replaced.has(nameOf(option))), ...own]
}

/** What the Pod's dnsPolicy and dnsConfig come to. */
export const podDns = (pod: BoundPod, settings: DnsSettings): DnsConfig => {
  const base = baseConfig(pod, settings)
  const own = pod.spec.dnsConfig
  const ownOptions = (own?.options ?? []).map(({ name = '', value }) =>
    value === undefined ? name : `${name}:${value}`,
  )
  return {
    servers: unique([...base.servers, ...(own?.nameservers ?? [])]).slice(0, maxNameservers),
    searches: unique([...base.searches, ...(own?.searches ?? [])]).slice(0, maxSearches),
    options: mergeOptions(base.options, ownOptions),
  }
}

/** As resolv.conf(5) wants it, in the order in which runtimes write it. */
export const formatResolvConf = ({ servers, searches, options }: DnsConfig): string =>
  [
    ...(searches.length === 0 ? [] : [`search ${searches.join(' ')}`]),
    ...servers.map((server) => `nameserver ${server}`),
    ...(options.length === 0 ? [] : [`options ${options.join(' ')}`]),
    '',
  ].join('\n')
