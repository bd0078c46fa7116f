/**
 * The hosts of a local cluster: a network namespace for each node, joined by one bridge on this machine.
 * Idempotent: each function brings about a state and leaves what is right alone.
 */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { addressAt, addressesAt, offsetIn, parseCidr, primaryOf, rangesOf } from './cidr.ts'
import type { ClusterConfig, NodeConfig } from './cluster-config.ts'

const execFileAsync = promisify(execFile)

const command = async (file: string, ...args: readonly string[]): Promise<string> => {
  const { stdout } = await execFileAsync(file, args)
  return stdout
}

const succeeds = async (file: string, ...args: readonly string[]): Promise<boolean> => {
  try {
    await command(file, ...args)
    return true
  } catch {
    return false
  }
}

export const bridgeOf = (config: ClusterConfig): string => `${config.name}0`
export const namespaceOf = (config: ClusterConfig, node: string): string => `${config.name}-${node}`
/** The addresses of this machine on the node network, one of each family. */
export const hostAddresses = (config: ClusterConfig): string[] => addressesAt(config.networking.nodeCIDR, 1)
/** The first of them: where nodes find the control plane. */
export const hostAddress = (config: ClusterConfig): string => addressAt(primaryOf(config.networking.nodeCIDR), 1)

/** Name of the host's end of a node's cable: the cluster's name and the last part of the node's address. */
const cableOf = (config: ClusterConfig, node: NodeConfig): string => {
  return `${config.name}-v${offsetIn(primaryOf(config.networking.nodeCIDR), node.address)}`
}

/** Docker's firewall drops what it does not know; bridged frames pass through it too (bridge-nf-call-iptables). */
const forwardRules = (bridge: string): string[][] => [
  ['FORWARD', '-i', bridge, '-j', 'ACCEPT', '-m', 'comment', '--comment', 'kubets'],
  ['FORWARD', '-o', bridge, '-j', 'ACCEPT', '-m', 'comment', '--comment', 'kubets'],
]
const masqueradeRule = (config: ClusterConfig, range: string): string[] => [
  'POSTROUTING',
  '-s',
  range,
  '!',
  '-o',
  bridgeOf(config),
  '-j',
  'MASQUERADE',
  '-m',
  'comment',
  '--comment',
  'kubets',
]

/** The firewall's command for a range's family. */
const firewallOf = (range: string): 'iptables' | 'ip6tables' =>
  parseCidr(range).family === 4 ? 'iptables' : 'ip6tables'
const forwardingOf = (range: string): string =>
  parseCidr(range).family === 4 ? 'net.ipv4.ip_forward=1' : 'net.ipv6.conf.all.forwarding=1'

interface FirewallRule {
  readonly command: 'iptables' | 'ip6tables'
  readonly table: 'filter' | 'nat'
  readonly rule: readonly string[]
}

const rulesOf = (config: ClusterConfig): FirewallRule[] =>
  rangesOf(config.networking.nodeCIDR).flatMap((range) => [
    ...forwardRules(bridgeOf(config)).map((rule) => ({ command: firewallOf(range), table: 'filter', rule }) as const),
    { command: firewallOf(range), table: 'nat', rule: masqueradeRule(config, range) } as const,
  ])

const ensureRule = async ({ command: file, table, rule }: FirewallRule): Promise<void> => {
  if (await succeeds(file, '-w', '-t', table, '-C', ...rule)) return
  await command(file, '-w', '-t', table, '-I', ...rule)
}

const dropRule = async ({ command: file, table, rule }: FirewallRule): Promise<void> => {
  while (await succeeds(file, '-w', '-t', table, '-D', ...rule)) {
    // A rule may have been inserted more than once: -D takes out one.
  }
}

/** `address replace` for each address of a host, with the prefixes of the node network. */
const addressCommands = (config: ClusterConfig, addresses: readonly string[], device: string): string[][] =>
  rangesOf(config.networking.nodeCIDR).map((range, index) => [
    'address',
    'replace',
    `${addresses[index]}/${parseCidr(range).prefix}`,
    'dev',
    device,
    // Nobody else is on this network: no need to look for doubles before an address is used.
    ...(parseCidr(range).family === 6 ? ['nodad'] : []),
  ])

/** The bridge with the machine's own addresses, forwarding through it, and masquerade for what leaves it. */
export const ensureBridge = async (config: ClusterConfig): Promise<void> => {
  const bridge = bridgeOf(config)
  if (!(await succeeds('ip', 'link', 'show', 'dev', bridge))) {
    await command('ip', 'link', 'add', bridge, 'type', 'bridge')
  }
  for (const args of addressCommands(config, hostAddresses(config), bridge)) await command('ip', ...args)
  await command('ip', 'link', 'set', bridge, 'up')
  for (const range of rangesOf(config.networking.nodeCIDR)) await command('sysctl', '-qw', forwardingOf(range))
  for (const rule of rulesOf(config)) await ensureRule(rule)
}

/**
 * A node's namespace with its address, its cable to the bridge and the settings that routing Pods needs. True if the
 * namespace was made now: a process that ran in the one before is cut off.
 */
export const ensureNode = async (config: ClusterConfig, node: NodeConfig): Promise<boolean> => {
  const namespace = namespaceOf(config, node.name)
  const cable = cableOf(config, node)
  const isNew = !(await succeeds('ip', 'netns', 'exec', namespace, 'true'))
  if (isNew) await command('ip', 'netns', 'add', namespace)
  const inside = (...args: readonly string[]): Promise<string> => command('ip', '-n', namespace, ...args)
  if (!(await succeeds('ip', '-n', namespace, 'link', 'show', 'dev', 'eth0'))) {
    await succeeds('ip', 'link', 'delete', cable)
    await command('ip', 'link', 'add', cable, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', namespace)
  }
  await command('ip', 'link', 'set', cable, 'master', bridgeOf(config), 'up')
  await inside('link', 'set', 'lo', 'up')
  await inside('link', 'set', 'eth0', 'up')
  for (const args of addressCommands(config, node.addresses, 'eth0')) await inside(...args)
  for (const gateway of hostAddresses(config)) {
    await inside(gateway.includes(':') ? '-6' : '-4', 'route', 'replace', 'default', 'via', gateway)
  }
  for (const range of rangesOf(config.networking.nodeCIDR))
    await command('ip', 'netns', 'exec', namespace, 'sysctl', '-qw', forwardingOf(range))
  // Replies between two Pods of one node cross cni0 as frames: they must meet conntrack to be translated back.
  for (const name of ['iptables', 'ip6tables'])
    await succeeds('ip', 'netns', 'exec', namespace, 'sysctl', '-qw', `net.bridge.bridge-nf-call-${name}=1`)
  return isNew
}

/** Takes a node's namespace away, and with it everything that ran a network in it. */
export const removeNode = async (config: ClusterConfig, node: { readonly name: string }): Promise<void> => {
  await succeeds('ip', 'netns', 'delete', namespaceOf(config, node.name))
}

/** The namespaces of this cluster's nodes that exist now, by node name. */
export const existingNodes = async (config: ClusterConfig): Promise<string[]> => {
  const lines = (await command('ip', 'netns', 'list')).split('\n')
  const prefix = `${config.name}-`
  return lines
    .map((line) => line.split(' ')[0] ?? '')
    .filter((name) => name.startsWith(prefix))
    .map((name) => name.slice(prefix.length))
}

/** Removes the bridge and the rules; the nodes' namespaces go first. */
export const removeBridge = async (config: ClusterConfig): Promise<void> => {
  const bridge = bridgeOf(config)
  for (const rule of rulesOf(config)) await dropRule(rule)
  await succeeds('ip', 'link', 'delete', bridge)
}

/** Cuts (or mends) a node's cable: the node lives on, and nobody reaches it. */
export const setLink = async (config: ClusterConfig, node: NodeConfig, state: 'up' | 'down'): Promise<void> => {
  await command('ip', 'link', 'set', cableOf(config, node), state)
}
