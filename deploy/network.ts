/**
 * The hosts of a local cluster: a network namespace for each node, joined by one bridge on this machine.
 * Idempotent: each function brings about a state and leaves what is right alone.
 */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { addressAt, parseCidr } from './cidr.ts'
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
/** The address of this machine on the node network: where nodes find the control plane. */
export const hostAddress = (config: ClusterConfig): string => addressAt(config.networking.nodeCIDR, 1)

/** Name of the host's end of a node's cable: the cluster's name and the last part of the node's address. */
const cableOf = (config: ClusterConfig, node: NodeConfig): string => {
  const { base } = parseCidr(config.networking.nodeCIDR)
  const { base: address } = parseCidr(`${node.address}/32`)
  return `${config.name}-v${address - base}`
}

/** Docker's firewall drops what it does not know; bridged frames pass through it too (bridge-nf-call-iptables). */
const forwardRules = (bridge: string): string[][] => [
  ['FORWARD', '-i', bridge, '-j', 'ACCEPT', '-m', 'comment', '--comment', 'kubets'],
  ['FORWARD', '-o', bridge, '-j', 'ACCEPT', '-m', 'comment', '--comment', 'kubets'],
]
const masqueradeRule = (config: ClusterConfig): string[] => {
  const { nodeCIDR } = config.networking
  const bridge = bridgeOf(config)
  return ['POSTROUTING', '-s', nodeCIDR, '!', '-o', bridge, '-j', 'MASQUERADE', '-m', 'comment', '--comment', 'kubets']
}

const ensureRule = async (table: string, rule: readonly string[]): Promise<void> => {
  if (await succeeds('iptables', '-w', '-t', table, '-C', ...rule)) return
  await command('iptables', '-w', '-t', table, '-I', ...rule)
}

const dropRule = async (table: string, rule: readonly string[]): Promise<void> => {
  while (await succeeds('iptables', '-w', '-t', table, '-D', ...rule)) {
    // A rule may have been inserted more than once: -D takes out one.
  }
}

/** The bridge with the machine's own address, forwarding through it, and masquerade for what leaves it. */
export const ensureBridge = async (config: ClusterConfig): Promise<void> => {
  const bridge = bridgeOf(config)
  const { prefix } = parseCidr(config.networking.nodeCIDR)
  if (!(await succeeds('ip', 'link', 'show', 'dev', bridge))) {
    await command('ip', 'link', 'add', bridge, 'type', 'bridge')
  }
  await command('ip', 'address', 'replace', `${hostAddress(config)}/${prefix}`, 'dev', bridge)
  await command('ip', 'link', 'set', bridge, 'up')
  await command('sysctl', '-qw', 'net.ipv4.ip_forward=1')
  for (const rule of forwardRules(bridge)) await ensureRule('filter', rule)
  await ensureRule('nat', masqueradeRule(config))
}

/**
 * A node's namespace with its address, its cable to the bridge and the settings that routing Pods needs. True if the
 * namespace was made now: a process that ran in the one before is cut off.
 */
export const ensureNode = async (config: ClusterConfig, node: NodeConfig): Promise<boolean> => {
  const namespace = namespaceOf(config, node.name)
  const cable = cableOf(config, node)
  const { prefix } = parseCidr(config.networking.nodeCIDR)
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
  await inside('address', 'replace', `${node.address}/${prefix}`, 'dev', 'eth0')
  await inside('route', 'replace', 'default', 'via', hostAddress(config))
  await command('ip', 'netns', 'exec', namespace, 'sysctl', '-qw', 'net.ipv4.ip_forward=1')
  // Replies between two Pods of one node cross cni0 as frames: they must meet conntrack to be translated back.
  await succeeds('ip', 'netns', 'exec', namespace, 'sysctl', '-qw', 'net.bridge.bridge-nf-call-iptables=1')
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
  for (const rule of forwardRules(bridge)) await dropRule('filter', rule)
  await dropRule('nat', masqueradeRule(config))
  await succeeds('ip', 'link', 'delete', bridge)
}

/** Cuts (or mends) a node's cable: the node lives on, and nobody reaches it. */
export const setLink = async (config: ClusterConfig, node: NodeConfig, state: 'up' | 'down'): Promise<void> => {
  await command('ip', 'link', 'set', cableOf(config, node), state)
}
