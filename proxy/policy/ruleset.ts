/**
 * The rules of the policy table: what stands always, and what a policy, a group of Pods, a named port and a local
 * address add to it. Pure.
 *
 * A new connection that is forwarded meets `egress`, which knows this node's Pods by their address and sends the packet
 * through the chain of its source: each policy that selects it may let it go on to `ingress`, and nothing else does.
 * There the same is done for the destination, where a policy accepts for good. Services are resolved before (DNAT in
 * prerouting) and masquerade comes after, so that both ends are what policies name. The node's own packets are not
 * forwarded and so not met: a Pod is always reachable for its node, as its kubelet's probes need.
 *
 * An address of this node's Pod range that no Pod is known for is held: nothing new passes from or to it. So a Pod's
 * first packet, which may come before anybody knows which policies it is under, meets a closed door.
 */
import { createHash } from 'node:crypto'
import type { Fragment } from '../nftables/table.ts'
import type { AllowRule, CompiledPolicy, Family, PortMatch } from './compile.ts'

export const policyTable = 'inet kubets-policy'

export type Direction = 'ingress' | 'egress'

const families: readonly Family[] = [4, 6]
const ipOf = (family: Family): string => (family === 4 ? 'ip' : 'ip6')
const typeOf = (family: Family): string => (family === 4 ? 'ipv4_addr' : 'ipv6_addr')

export const familyOfIp = (ip: string): Family => (ip.includes(':') ? 6 : 4)

const shortHash = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 12)

/** What is there before any policy, in a new table that takes the place of an old one. */
export const policyBaseRules = (): string[] => {
  const rule = (chain: string, text: string): string => `add rule ${policyTable} ${chain} ${text}`
  const each = (text: (ip: string, family: Family) => string): string[] => families.map((f) => text(ipOf(f), f))
  const base = (name: string): string =>
    `add chain ${policyTable} ${name} { type filter hook ${name} priority -5; policy accept; }`
  return [
    `add table ${policyTable}`,
    `delete table ${policyTable}`,
    `add table ${policyTable} { comment "NetworkPolicies"; }`,
    ...families.flatMap((family) => {
      const type = typeOf(family)
      return [
        `add set ${policyTable} pod-range${family} { type ${type}; flags interval; }`,
        `add set ${policyTable} cluster-dns${family} { type ${type}; }`,
        `add set ${policyTable} self${family} { type ${type} . ${type}; }`,
        `add map ${policyTable} egress${family} { type ${type} : verdict; }`,
        `add map ${policyTable} ingress${family} { type ${type} : verdict; }`,
      ]
    }),
    `add chain ${policyTable} ingress`,
    `add chain ${policyTable} egress`,
    base('forward'),
    base('input'),
    ...each((ip, family) => rule('ingress', `${ip} daddr vmap @ingress${family}`)),
    ...each((ip, family) => rule('ingress', `${ip} daddr @pod-range${family} drop`)),
    rule('ingress', 'accept'),
    ...each((ip, family) => rule('egress', `${ip} saddr vmap @egress${family}`)),
    ...each((ip, family) => rule('egress', `${ip} saddr @pod-range${family} drop`)),
    rule('egress', 'goto ingress'),
    rule('forward', 'ct state established,related accept'),
    // Neighbours find each other by bridged frames, which are as much of IPv6 as what they carry.
    rule(
      'forward',
      'icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit, nd-router-advert } accept',
    ),
    // Nothing is routed under such an address: here it is a Pod that goes to its neighbour behind policies' backs.
    rule('forward', 'ip6 saddr fe80::/10 drop'),
    rule('forward', 'ip6 daddr fe80::/10 drop'),
    // A Pod that reaches itself by its Service.
    ...each((ip, family) => rule('forward', `${ip} saddr . ${ip} daddr @self${family} accept`)),
    rule('forward', 'goto egress'),
    // Of the node itself, a Pod may not be kept away; but cluster DNS is here only as other clusters have it in Pods.
    rule('input', 'ct state established,related accept'),
    ...each((ip, family) => rule('input', `${ip} daddr @cluster-dns${family} goto egress`)),
  ]
}

const maxName = 100
const readable = (prefix: string, key: string): string => `${prefix}-${shortHash(key)}-${key}`.slice(0, maxName)

export const policyChain = (direction: Direction, key: string): string =>
  readable(direction === 'ingress' ? 'in' : 'out', key)
export const groupSet = (key: string, family: Family): string => `pods-${shortHash(key)}-${family}`
export const portSet = (port: string, family: Family): string => `port-${shortHash(port)}-${family}`
const addressChain = (direction: Direction, ip: string): string => `${direction}-${ip.replaceAll(':', '_')}`

const rangeText = ([first, last]: readonly [number, number]): string =>
  first === last ? String(first) : `${first}-${last}`

/** The matches of a rule's ports; '' for any. Names are looked up for the destination. */
const portMatches = (ports: AllowRule['ports'], family: Family): string[] => {
  if (ports === 'all') return ['']
  return ports.flatMap(({ protocol, ranges, names }: PortMatch) => {
    const all = ranges.some(([first, last]) => first === 0 && last === 65_535)
    const l4 = `meta l4proto ${protocol}`
    if (all) return [`${l4} `]
    return [
      ...(ranges.length === 0 ? [] : [`${l4} th dport { ${ranges.map(rangeText).join(', ')} } `]),
      ...names.map((name) => `${l4} ${ipOf(family)} daddr . th dport @${portSet(`${protocol} ${name}`, family)} `),
    ]
  })
}

/** The matches of a rule's peers in one family; '' for any. */
const peerMatches = (peers: AllowRule['peers'], field: 'saddr' | 'daddr', family: Family): string[] => {
  const ip = ipOf(family)
  if (peers === 'all') return [`meta nfproto ipv${family} `]
  return peers.flatMap((peer) => {
    if (peer.type === 'pods') return [`${ip} ${field} @${groupSet(peer.group.key, family)} `]
    if (peer.family !== family) return []
    const inside = peer.cidr.endsWith('/0') ? `meta nfproto ipv${family}` : `${ip} ${field} ${peer.cidr}`
    return [peer.except.length === 0 ? `${inside} ` : `${inside} ${ip} ${field} != { ${peer.except.join(', ')} } `]
  })
}

/** The rules of one direction: a packet that matches none comes back to the chain of its address. */
const allowRules = (rules: readonly AllowRule[], direction: Direction): string[] => {
  const [field, verdict] =
    direction === 'ingress' ? (['saddr', 'accept'] as const) : (['daddr', 'goto ingress'] as const)
  const texts = rules.flatMap(({ peers, ports }) => {
    if (peers === 'all' && ports === 'all') return [verdict]
    return families.flatMap((family) =>
      peerMatches(peers, field, family).flatMap((peer) =>
        portMatches(ports, family).map((port) => `${peer}${port}${verdict}`),
      ),
    )
  })
  return [...new Set(texts)]
}

const fragment = (parts: Partial<Fragment>): Fragment => ({
  chains: new Map(),
  sets: new Map(),
  elements: new Map(),
  ...parts,
})

export const policyFragment = ({ key, ingress, egress }: CompiledPolicy): Fragment =>
  fragment({
    chains: new Map([
      ...(ingress === undefined ? [] : [[policyChain('ingress', key), allowRules(ingress, 'ingress')] as const]),
      ...(egress === undefined ? [] : [[policyChain('egress', key), allowRules(egress, 'egress')] as const]),
    ]),
  })

const addressSets = (name: (family: Family) => string, body: (type: string) => string): Map<string, string> =>
  new Map(families.map((family) => [name(family), `set { ${body(typeOf(family))} }`]))

/** Elements by family: only families that have any are named. */
const byFamily = (
  name: (family: Family) => string,
  items: Iterable<readonly [ip: string, element: string]>,
): Map<string, Map<string, string>> => {
  const elements = new Map<string, Map<string, string>>()
  for (const [ip, element] of items) {
    const set = name(familyOfIp(ip))
    const own = elements.get(set) ?? new Map<string, string>()
    own.set(element, '')
    elements.set(set, own)
  }
  return elements
}

/** The addresses of a group of Pods. */
export const groupFragment = (key: string, ips: Iterable<string>): Fragment => {
  const name = (family: Family): string => groupSet(key, family)
  return fragment({
    sets: addressSets(name, (type) => `type ${type};`),
    elements: byFamily(
      name,
      Array.from(ips, (ip) => [ip, ip] as const),
    ),
  })
}

/** Which number a named port has, Pod by Pod. */
export const portFragment = (port: string, holders: Iterable<readonly [ip: string, number: number]>): Fragment => {
  const name = (family: Family): string => portSet(port, family)
  return fragment({
    sets: addressSets(name, (type) => `type ${type} . inet_service;`),
    elements: byFamily(
      name,
      Array.from(holders, ([ip, number]) => [ip, `${ip} . ${number}`] as const),
    ),
  })
}

/** The door of a local Pod: without a policy in a direction it is open. */
export const addressFragment = (ip: string, policies: readonly CompiledPolicy[]): Fragment => {
  const chains = new Map<string, string[]>()
  const family = familyOfIp(ip)
  const verdict = (direction: Direction, open: string): string => {
    const isolating = policies.filter((policy) => policy[direction] !== undefined)
    if (isolating.length === 0) return open
    const name = addressChain(direction, ip)
    chains.set(name, [...isolating.map(({ key }) => `jump ${policyChain(direction, key)}`).sort(), 'drop'])
    return `goto ${name}`
  }
  return fragment({
    chains,
    elements: new Map([
      [`egress${family}`, new Map([[ip, verdict('egress', 'goto ingress')]])],
      [`ingress${family}`, new Map([[ip, verdict('ingress', 'accept')]])],
      [`self${family}`, new Map([[`${ip} . ${ip}`, '']])],
    ]),
  })
}

/** What is of the node: the ranges that its Pods' addresses come from, and where it answers cluster DNS. */
export const nodeFragment = (podRanges: readonly string[], clusterDns: readonly string[]): Fragment =>
  fragment({
    elements: new Map([
      ...byFamily(
        (family) => `pod-range${family}`,
        podRanges.map((range) => [range, range]),
      ),
      ...byFamily(
        (family) => `cluster-dns${family}`,
        clusterDns.map((ip) => [ip, ip]),
      ),
    ]),
  })
