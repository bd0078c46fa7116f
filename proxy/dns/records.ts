/**
 * The names of a cluster: which records Services, their endpoints and Pods have. Pure.
 * Follows the Kubernetes DNS-Based Service Discovery specification, version 1.1.0.
 */
import { isIPv4, isIPv6 } from 'node:net'
import type { EndpointSlice, Service } from '../../api/types.ts'
import { parseIp } from '../../api/meta/cidr.ts'

export type DnsRecord =
  | { readonly type: 'A' | 'AAAA'; readonly data: string }
  | { readonly type: 'CNAME'; readonly data: string }
  | {
      readonly type: 'SRV'
      readonly data: {
        readonly port: number
        readonly target: string
        readonly priority: number
        readonly weight: number
      }
    }
  | { readonly type: 'PTR'; readonly data: string }

/** Records by full name, lower case, without the final dot. */
export type Records = ReadonlyMap<string, readonly DnsRecord[]>

/** The name by which an address is asked for who has it. */
const reverseName = (ip: string): string => {
  const parsed = parseIp(ip)
  if (parsed?.family !== 6) return `${ip.split('.').reverse().join('.')}.in-addr.arpa`
  const digits = parsed.address.toString(16).padStart(32, '0')
  return `${digits.split('').reverse().join('.')}.ip6.arpa`
}
const dashed = (ip: string): string => ip.replaceAll(/[.:]/g, '-')
const addressRecord = (ip: string): DnsRecord => ({ type: isIPv6(ip) ? 'AAAA' : 'A', data: ip })

const add = (records: Map<string, DnsRecord[]>, name: string, record: DnsRecord): void => {
  const key = name.toLowerCase()
  const list = records.get(key)
  if (list === undefined) records.set(key, [record])
  else if (!list.some((known) => JSON.stringify(known) === JSON.stringify(record))) list.push(record)
}

const srvName = (port: { readonly name?: string; readonly protocol?: string }, base: string): string | undefined =>
  port.name ? `_${port.name}._${(port.protocol ?? 'TCP').toLowerCase()}.${base}` : undefined

/** All records of one Service. */
export const recordsOfService = (service: Service, slices: readonly EndpointSlice[], domain: string): Records => {
  const records = new Map<string, DnsRecord[]>()
  const base = `${service.metadata?.name}.${service.metadata?.namespace}.svc.${domain}`
  const { spec } = service
  if (spec === undefined) return records
  if (spec.type === 'ExternalName') {
    if (spec.externalName) add(records, base, { type: 'CNAME', data: spec.externalName.replace(/\.$/, '') })
    return records
  }
  const clusterIPs = spec.clusterIPs ?? (spec.clusterIP === undefined ? [] : [spec.clusterIP])
  if (!clusterIPs.includes('None') && clusterIPs.some((ip) => ip !== '')) {
    for (const ip of clusterIPs) {
      add(records, base, addressRecord(ip))
      add(records, reverseName(ip), { type: 'PTR', data: base })
    }
    for (const port of spec.ports ?? []) {
      const name = srvName(port, base)
      if (name !== undefined)
        add(records, name, { type: 'SRV', data: { port: port.port, target: base, priority: 0, weight: 100 } })
    }
    return records
  }
  for (const slice of slices) {
    if (slice.addressType === 'FQDN') continue
    for (const endpoint of slice.endpoints ?? []) {
      if (endpoint.conditions?.ready === false && spec.publishNotReadyAddresses !== true) continue
      for (const ip of endpoint.addresses) {
        const host = `${endpoint.hostname ?? dashed(ip)}.${base}`
        add(records, base, addressRecord(ip))
        add(records, host, addressRecord(ip))
        add(records, reverseName(ip), { type: 'PTR', data: host })
        for (const port of slice.ports ?? []) {
          const name = srvName(port, base)
          if (name === undefined || port.port === undefined) continue
          add(records, name, { type: 'SRV', data: { port: port.port, target: host, priority: 0, weight: 100 } })
        }
      }
    }
  }
  return records
}

/** `10-244-1-5.namespace.pod.domain` (or `fd00-10-244--5`) is the address itself; undefined for any other name. */
export const podRecord = (
  name: string,
  domain: string,
  hasNamespace: (name: string) => boolean,
): DnsRecord | undefined => {
  const suffix = `.pod.${domain}`
  if (!name.endsWith(suffix)) return undefined
  const [host = '', namespace = '', ...rest] = name.slice(0, -suffix.length).split('.')
  if (rest.length > 0 || !hasNamespace(namespace)) return undefined
  const ipv4 = host.replaceAll('-', '.')
  if (isIPv4(ipv4)) return { type: 'A', data: ipv4 }
  const ipv6 = host.replaceAll('-', ':')
  return isIPv6(ipv6) ? { type: 'AAAA', data: ipv6 } : undefined
}
