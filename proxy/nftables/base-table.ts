/** The part of kube-proxy's table that does not depend on Services. Pure. Upstream: nftables/proxier.go, setupNFTables. */
import { familyWords, type IpFamily } from '../family.ts'
import { tableOf } from './names.ts'

/** How traffic of this node's (or the cluster's) Pods is told from other traffic, as matches of a rule. */
export interface LocalTraffic {
  readonly isLocal: string
  readonly isNotLocal: string
}

export interface TableOptions {
  readonly family: IpFamily
  /** Undefined: nobody can tell, so nothing is masqueraded on its way to a cluster IP, and nothing short-circuited. */
  readonly localTraffic: LocalTraffic | undefined
  readonly masqueradeAll: boolean
  /** Bit of the packet mark that says: masquerade this on its way out. */
  readonly masqueradeBit: number
  /** Addresses on which node ports are served; undefined: all but the loopback ones. */
  readonly nodePortAddresses: readonly string[] | undefined
  /** The node's own address, for load balancers' source ranges. */
  readonly nodeIP: string | undefined
  /** Ranges of the ServiceCIDRs: what is sent to an address of theirs that no Service has is dropped. */
  readonly serviceCIDRs: readonly string[]
  /** Addresses of Services that this node answers itself (cluster DNS). */
  readonly localServices: readonly string[]
}

/** Sets and maps whose elements Services write, with their types. */
export const sharedContainers = (family: IpFamily): ReadonlyMap<string, string> => {
  const { addressType } = familyWords[family]
  const byAddress = `map { type ${addressType} . inet_proto . inet_service : verdict; }`
  const byPort = 'map { type inet_proto . inet_service : verdict; }'
  return new Map([
    ['cluster-ips', `set { type ${addressType}; comment "Active ClusterIPs"; }`],
    ['hairpin-connections', `set { type ${addressType} . ${addressType} . inet_proto . inet_service; }`],
    ['service-ips', byAddress],
    ['no-endpoint-services', byAddress],
    ['firewall-ips', byAddress],
    ['service-nodeports', byPort],
    ['no-endpoint-nodeports', byPort],
  ])
}

/** `set { … }` and `map { … }` as the command that makes one of that name. */
export const addContainer = (table: string, name: string, body: string): string =>
  `add ${body.slice(0, 3)} ${table} ${name} ${body.slice(4)}`

/** Chains that the kernel enters: type, hook, priority. What is checked before DNAT sees the Service's address. */
const baseChains: readonly (readonly [name: string, type: string, hook: string, priority: number])[] = [
  ['filter-prerouting-pre-dnat', 'filter', 'prerouting', -110],
  ['filter-output-pre-dnat', 'filter', 'output', -110],
  ['filter-input', 'filter', 'input', 0],
  ['filter-forward', 'filter', 'forward', 0],
  ['filter-output', 'filter', 'output', 0],
  ['nat-prerouting', 'nat', 'prerouting', -100],
  ['nat-output', 'nat', 'output', -100],
  ['nat-postrouting', 'nat', 'postrouting', 100],
]

/** The ways between chains, in the order of their rules. */
const jumps: readonly (readonly [from: string, rule: string])[] = [
  ['filter-prerouting-pre-dnat', 'ct state new jump firewall-check'],
  ['filter-output-pre-dnat', 'ct state new jump firewall-check'],
  ['filter-input', 'ct state new jump nodeport-endpoints-check'],
  ['filter-input', 'ct state new jump service-endpoints-check'],
  ['filter-forward', 'ct state new jump service-endpoints-check'],
  ['filter-forward', 'ct state new jump cluster-ips-check'],
  ['filter-output', 'ct state new jump service-endpoints-check'],
  ['filter-output', 'ct state new jump cluster-ips-check'],
  ['nat-prerouting', 'jump services'],
  ['nat-output', 'jump services'],
  ['nat-postrouting', 'jump masquerading'],
]

const regularChains = [
  'services',
  'service-endpoints-check',
  'nodeport-endpoints-check',
  'firewall-check',
  'cluster-ips-check',
  'masquerading',
  'mark-for-masquerade',
  'reject-chain',
] as const

/** Which packets go to a cluster IP with this node's address as their source: all, or those of strangers. */
const masqueradeRules = ({ family, masqueradeAll, localTraffic }: TableOptions): string[] => {
  const toClusterIP = `${familyWords[family].ip} daddr @cluster-ips`
  if (masqueradeAll) return [`${toClusterIP} jump mark-for-masquerade`]
  return localTraffic === undefined ? [] : [`${toClusterIP} ${localTraffic.isNotLocal} jump mark-for-masquerade`]
}

const rules = (options: TableOptions): (readonly [chain: string, rule: string])[] => {
  const { ip, notLoopback } = familyWords[options.family]
  const mark = `0x${(2 ** options.masqueradeBit).toString(16)}`
  const target = `${ip} daddr . meta l4proto . th dport`
  const isNodePortAddress = options.nodePortAddresses === undefined ? notLoopback : `${ip} daddr @nodeport-ips`
  const isOwnAddress =
    options.nodePortAddresses === undefined ? `fib daddr type local ${notLoopback}` : isNodePortAddress
  const { serviceCIDRs, localServices } = options
  return [
    ...jumps,
    ...masqueradeRules(options).map((rule) => ['services', rule] as const),
    ['services', `${target} vmap @service-ips`],
    ['services', `${isOwnAddress} meta l4proto . th dport vmap @service-nodeports`],
    ['service-endpoints-check', `${target} vmap @no-endpoint-services`],
    ['nodeport-endpoints-check', `${isNodePortAddress} meta l4proto . th dport vmap @no-endpoint-nodeports`],
    ['firewall-check', `${target} vmap @firewall-ips`],
    ...(localServices.length === 0
      ? []
      : [['cluster-ips-check', `${ip} daddr { ${localServices.join(', ')} } return`] as const]),
    // What still carries a cluster IP after DNAT asked for a port that its Service does not have.
    ['cluster-ips-check', `${ip} daddr @cluster-ips reject`],
    ...(serviceCIDRs.length === 0
      ? []
      : [['cluster-ips-check', `${ip} daddr { ${serviceCIDRs.join(', ')} } drop`] as const]),
    ['mark-for-masquerade', `meta mark set meta mark or ${mark}`],
    // The mark goes with the packet into tunnels, where it must not be met a second time.
    ['masquerading', `meta mark and ${mark} != 0 meta mark set meta mark xor ${mark} masquerade fully-random`],
    // A Pod that is sent to itself by a Service must not see itself as the client: it would answer past conntrack.
    [
      'masquerading',
      `ct status dnat ${ip} saddr . ${ip} daddr . meta l4proto . th dport @hairpin-connections masquerade fully-random`,
    ],
    ['reject-chain', 'reject'],
  ]
}

/** The commands that bring this part about, whatever was there. Elements of the shared sets and maps go. */
export const baseCommands = (options: TableOptions): string[] => {
  const table = tableOf(options.family)
  const { addressType } = familyWords[options.family]
  const { nodePortAddresses } = options
  const containers = [...sharedContainers(options.family)]
  return [
    `add table ${table} { comment "rules for kube-proxy"; }`,
    // Made anew: a base chain with another hook or priority, of an earlier version, cannot be changed.
    ...baseChains.flatMap(([name]) => [`add chain ${table} ${name}`, `delete chain ${table} ${name}`]),
    ...containers.map(([name, body]) => addContainer(table, name, body)),
    ...containers.map(([name, body]) => `flush ${body.slice(0, 3)} ${table} ${name}`),
    ...baseChains.map(
      ([name, type, hook, priority]) =>
        `add chain ${table} ${name} { type ${type} hook ${hook} priority ${priority}; }`,
    ),
    ...regularChains.flatMap((name) => [`add chain ${table} ${name}`, `flush chain ${table} ${name}`]),
    `add set ${table} nodeport-ips { type ${addressType}; comment "IPs that accept NodePort traffic"; }`,
    ...(nodePortAddresses === undefined
      ? [`delete set ${table} nodeport-ips`]
      : [
          `flush set ${table} nodeport-ips`,
          ...nodePortAddresses.map((ip) => `add element ${table} nodeport-ips { ${ip} }`),
        ]),
    ...rules(options).map(([chain, rule]) => `add rule ${table} ${chain} ${rule}`),
  ]
}
