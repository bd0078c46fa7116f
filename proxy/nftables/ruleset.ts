/** The rules of kube-proxy's table: what stands always, and what each port of a Service adds. Pure. */
import { createHash } from 'node:crypto'
import type { Endpoint, ServicePort } from '../services/service-port.ts'
import type { Fragment } from './table.ts'

/** Upstream's name of the table in nftables mode. */
export const tableName = 'ip kube-proxy'

/** Packet mark of what must leave with this node's address. Upstream: masqueradeBit 14. */
const masqueradeMark = '0x4000'

export interface RulesetOptions {
  /** Range of all Pods: what comes from elsewhere to a cluster IP is masqueraded, what leaves it too. '' is none. */
  readonly clusterCIDR: string
}

/**
 * The fixed part. A packet to a Service meets `services` (from Pods in prerouting, from the node itself in output),
 * which looks its destination up in a verdict map and ends in the chain of that Service's port.
 */
export const baseRules = ({ clusterCIDR }: RulesetOptions): string[] => {
  const add = (kind: string, name: string, body: string): string => `add ${kind} ${tableName} ${name} { ${body} }`
  const rule = (chain: string, text: string): string => `add rule ${tableName} ${chain} ${text}`
  const base = (name: string, type: string, hook: string, priority: number): string =>
    add('chain', name, `type ${type} hook ${hook} priority ${priority};`)
  const chain = (name: string): string => `add chain ${tableName} ${name}`
  return [
    `add table ${tableName}`,
    `delete table ${tableName}`,
    `add table ${tableName} { comment "rules for kube-proxy"; }`,
    add('set', 'cluster-ips', 'type ipv4_addr;'),
    add('map', 'service-ips', 'type ipv4_addr . inet_proto . inet_service : verdict;'),
    add('map', 'service-nodeports', 'type inet_proto . inet_service : verdict;'),
    add('map', 'no-endpoint-services', 'type ipv4_addr . inet_proto . inet_service : verdict;'),
    add('map', 'no-endpoint-nodeports', 'type inet_proto . inet_service : verdict;'),
    add('set', 'hairpin-connections', 'type ipv4_addr . ipv4_addr;'),
    ...['services', 'service-endpoints-check', 'cluster-ips-check', 'masquerading', 'reject-chain', 'drop-chain'].map(
      chain,
    ),
    chain('mark-for-masquerade'),
    base('filter-prerouting', 'filter', 'prerouting', -110),
    base('filter-forward', 'filter', 'forward', -110),
    base('filter-output', 'filter', 'output', -110),
    base('filter-output-post-dnat', 'filter', 'output', -90),
    base('nat-prerouting', 'nat', 'prerouting', -100),
    base('nat-output', 'nat', 'output', -100),
    base('nat-postrouting', 'nat', 'postrouting', 100),
    rule('services', 'ip daddr . meta l4proto . th dport vmap @service-ips'),
    rule('services', 'fib daddr type local ip daddr != 127.0.0.0/8 meta l4proto . th dport vmap @service-nodeports'),
    rule('service-endpoints-check', 'ip daddr . meta l4proto . th dport vmap @no-endpoint-services'),
    rule(
      'service-endpoints-check',
      'fib daddr type local ip daddr != 127.0.0.0/8 meta l4proto . th dport vmap @no-endpoint-nodeports',
    ),
    // What still carries a cluster IP after DNAT asked for a port that its Service does not have.
    rule('cluster-ips-check', 'ip daddr @cluster-ips reject'),
    rule('mark-for-masquerade', `meta mark set meta mark or ${masqueradeMark}`),
    rule('masquerading', 'ip saddr . ip daddr @hairpin-connections masquerade fully-random'),
    rule('masquerading', `meta mark and ${masqueradeMark} != 0 masquerade fully-random`),
    ...(clusterCIDR === ''
      ? []
      : [rule('masquerading', `ip saddr ${clusterCIDR} ip daddr != ${clusterCIDR} masquerade fully-random`)]),
    rule('reject-chain', 'reject'),
    rule('drop-chain', 'drop'),
    rule('filter-prerouting', 'ct state new jump service-endpoints-check'),
    rule('filter-forward', 'ct state new jump cluster-ips-check'),
    rule('filter-output', 'ct state new jump service-endpoints-check'),
    rule('filter-output-post-dnat', 'ct state new jump cluster-ips-check'),
    rule('nat-prerouting', 'jump services'),
    rule('nat-output', 'jump services'),
    rule('nat-postrouting', 'jump masquerading'),
  ]
}

const shortHash = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 8).toUpperCase()

const idOf = (port: ServicePort): string => {
  const id = `${port.service}/${port.protocol}/${port.portName}`
  return `${shortHash(`${id}:${port.port}`)}-${id}`
}

const target = ({ ip, port }: Endpoint): string => `${ip} . ${port}`

/** One rule that picks an endpoint at random. */
const randomDnat = (protocol: string, endpoints: readonly Endpoint[]): string => {
  const [only] = endpoints
  if (endpoints.length === 1 && only !== undefined) return `meta l4proto ${protocol} dnat ip to ${only.ip}:${only.port}`
  const choices = endpoints.map((endpoint, index) => `${index} : ${target(endpoint)}`).join(', ')
  return `meta l4proto ${protocol} dnat ip to numgen random mod ${endpoints.length} map { ${choices} }`
}

interface Draft {
  readonly chains: Map<string, string[]>
  readonly sets: Map<string, string>
  readonly elements: Map<string, Map<string, string>>
}

const addElement = (draft: Draft, name: string, key: string, value = ''): void => {
  const items = draft.elements.get(name) ?? new Map<string, string>()
  items.set(key, value)
  draft.elements.set(name, items)
}

/**
 * The chain that sends a connection to one of `endpoints`. With affinity, a client that was seen goes where it went
 * before: the map remembers addresses, and its name changes with the endpoints, so that no dead one is remembered.
 */
const balanceChain = (draft: Draft, name: string, port: ServicePort, endpoints: readonly Endpoint[]): void => {
  if (port.affinitySeconds === 0) {
    draft.chains.set(name, [randomDnat(port.protocol, endpoints)])
    return
  }
  const affinity = `affinity-${shortHash(`${name}|${endpoints.map(target).join('|')}`)}`
  draft.sets.set(
    affinity,
    `map { typeof ip saddr : ip daddr . th dport; size 65535; flags dynamic,timeout; timeout ${port.affinitySeconds}s; }`,
  )
  const chosen = endpoints.map((endpoint, index) => {
    const chain = `endpoint-${shortHash(`${name}|${target(endpoint)}`)}-${index}`
    draft.chains.set(chain, [
      `update @${affinity} { ip saddr : ${target(endpoint)} }`,
      `meta l4proto ${port.protocol} dnat ip to ${endpoint.ip}:${endpoint.port}`,
    ])
    return `${index} : goto ${chain}`
  })
  draft.chains.set(name, [
    `meta l4proto ${port.protocol} dnat ip to ip saddr map @${affinity}`,
    `numgen random mod ${endpoints.length} vmap { ${chosen.join(', ')} }`,
  ])
}

/** What one port of a Service adds to the table. */
export const servicePortFragment = (port: ServicePort, { clusterCIDR }: RulesetOptions): Fragment => {
  const draft: Draft = { chains: new Map(), sets: new Map(), elements: new Map() }
  const id = idOf(port)
  const internalKey = `${port.clusterIP} . ${port.protocol} . ${port.port}`
  addElement(draft, 'cluster-ips', port.clusterIP)
  const internal = `service-${id}`
  if (port.internalEndpoints.length > 0) {
    balanceChain(draft, `${internal}/balance`, port, port.internalEndpoints)
    draft.chains.set(internal, [
      ...(clusterCIDR === '' ? [] : [`ip saddr != ${clusterCIDR} jump mark-for-masquerade`]),
      `goto ${internal}/balance`,
    ])
    addElement(draft, 'service-ips', internalKey, `goto ${internal}`)
  } else {
    // Upstream: "no endpoints" is refused, "no endpoints here" under a Local policy is dropped.
    addElement(
      draft,
      'no-endpoint-services',
      internalKey,
      `goto ${port.internalPolicyLocal ? 'drop-chain' : 'reject-chain'}`,
    )
  }
  const outside = [
    ...port.externalIPs.map(
      (ip) => ['service-ips', 'no-endpoint-services', `${ip} . ${port.protocol} . ${port.port}`] as const,
    ),
    ...(port.nodePort === 0
      ? []
      : [['service-nodeports', 'no-endpoint-nodeports', `${port.protocol} . ${port.nodePort}`] as const]),
  ]
  if (outside.length > 0 && port.externalEndpoints.length > 0) {
    const external = `external-${id}`
    if (port.externalPolicyLocal || port.internalPolicyLocal || port.internalEndpoints.length === 0) {
      balanceChain(draft, `${external}/balance`, port, port.externalEndpoints)
    }
    const balance = draft.chains.has(`${external}/balance`) ? `${external}/balance` : `${internal}/balance`
    draft.chains.set(external, [...(port.externalPolicyLocal ? [] : ['jump mark-for-masquerade']), `goto ${balance}`])
    for (const [map, , key] of outside) addElement(draft, map, key, `goto ${external}`)
  } else {
    for (const [, map, key] of outside) {
      addElement(draft, map, key, `goto ${port.externalPolicyLocal ? 'drop-chain' : 'reject-chain'}`)
    }
  }
  return draft
}

/** Addresses of this node's endpoints of a port: a Pod of them may be sent to itself, and must then not see itself. */
export const hairpinAddresses = (port: ServicePort): string[] =>
  [...port.internalEndpoints, ...port.externalEndpoints].filter(({ isLocal }) => isLocal).map(({ ip }) => ip)
