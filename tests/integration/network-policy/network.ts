/**
 * Two nodes and what is around them, as network namespaces: each node has a bridge with its Pods on it, and a cable to
 * a router that is the world outside. Everybody has an IPv4 and an IPv6 address. No containers, no cluster.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import type { Probe } from './agent.ts'

const execFileAsync = promisify(execFile)

const run = async (file: string, ...args: readonly string[]): Promise<string> =>
  (await execFileAsync(file, args)).stdout

export const outsideAddresses = ['203.0.113.7', 'fd00:203::7'] as const
export const podRanges = (node: number): string[] => [`10.200.${node}.0/24`, `fd00:200:${node}::/64`]
export const podAddresses = (node: number, index: number): [string, string] => [
  `10.200.${node}.${index + 10}`,
  `fd00:200:${node}::${index + 10}`,
]
/** Addresses of a node towards its Pods. */
export const gateways = (node: number): [string, string] => [`10.200.${node}.1`, `fd00:200:${node}::1`]

/** A process in a namespace that answers and asks. */
export interface Agent {
  readonly probe: (probe: Omit<Probe, 'id'>) => Promise<boolean>
}

export interface PolicyNetwork extends AsyncDisposable {
  /** Name of a node's namespace. */
  readonly node: (node: number) => string
  /** Commands for nft in a node's namespace, as one transaction. */
  readonly nft: (node: number, commands: readonly string[]) => Promise<void>
  /** A table of a node as nft tells it. */
  readonly listTable: (node: number, table: string) => Promise<string>
  /** Forgets all connections of a node: what comes next is new, also from a port that was used before. */
  readonly forgetConnections: (node: number) => Promise<void>
  /** The address that a Pod has on its link alone, with its scope for others on the same one. */
  readonly linkLocalOf: (pod: string) => Promise<string>
  /** `node 1`, `outside`, `pod 1 0`. */
  readonly agent: (name: string) => Agent
}

const startAgent = async (
  namespace: string,
  ports: readonly number[],
  addresses: readonly string[],
): Promise<Agent & { child: ChildProcess }> => {
  const file = join(import.meta.dirname, 'agent.ts')
  const args = ['netns', 'exec', namespace, process.execPath, file, ports.join(','), addresses.join(',')]
  const child = spawn('ip', args, { stdio: ['pipe', 'pipe', 'inherit'] })
  const waiting = new Map<number, (ok: boolean) => void>()
  const ready = Promise.withResolvers<void>()
  child.on('close', () => ready.reject(new Error(`the agent in ${namespace} ended`)))
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (line === 'ready') return ready.resolve()
    const { id, ok } = JSON.parse(line) as { id: number; ok: boolean }
    waiting.get(id)?.(ok)
    waiting.delete(id)
  })
  await ready.promise
  let next = 0
  return {
    child,
    probe: (probe) =>
      new Promise((resolve) => {
        next += 1
        waiting.set(next, resolve)
        child.stdin.write(`${JSON.stringify({ id: next, ...probe })}\n`)
      }),
  }
}

const inside = (namespace: string, ...args: readonly string[]): Promise<string> =>
  run('ip', 'netns', 'exec', namespace, ...args)

/** Addresses without duplicate address detection: they are there at once. */
const addAddresses = async (namespace: string, device: string, addresses: readonly string[]): Promise<void> => {
  for (const address of addresses)
    await run(
      'ip',
      '-n',
      namespace,
      'address',
      'add',
      address,
      'dev',
      device,
      ...(address.includes(':') ? ['nodad'] : []),
    )
}

const route = (namespace: string, to: string, via: string): Promise<string> =>
  run('ip', '-n', namespace, ...(to.includes(':') ? ['-6'] : []), 'route', 'add', to, 'via', via)

/** Makes all that, with `podsPerNode` Pods on each node and an agent everywhere that serves `ports`. */
export const makePolicyNetwork = async (podsPerNode: number, ports: readonly number[]): Promise<PolicyNetwork> => {
  const prefix = `kpol${process.pid}`
  const namespaces: string[] = []
  const agents = new Map<string, Agent & { child: ChildProcess }>()
  const dispose = async (): Promise<void> => {
    for (const { child } of agents.values()) {
      const closed = child.exitCode === null ? once(child, 'close') : undefined
      child.stdin?.end()
      await closed
    }
    for (const namespace of namespaces) await run('ip', 'netns', 'delete', namespace).catch(() => undefined)
  }
  const addNamespace = async (name: string): Promise<string> => {
    const namespace = `${prefix}-${name.replaceAll(' ', '-')}`
    await run('ip', 'netns', 'add', namespace)
    namespaces.push(namespace)
    await run('ip', '-n', namespace, 'link', 'set', 'lo', 'up')
    return namespace
  }
  const cable = async (
    a: [namespace: string, device: string],
    b: [namespace: string, device: string],
  ): Promise<void> => {
    await run('ip', '-n', a[0], 'link', 'add', a[1], 'type', 'veth', 'peer', 'name', b[1], 'netns', b[0])
    for (const [namespace, device] of [a, b]) await run('ip', '-n', namespace, 'link', 'set', device, 'up')
  }
  const node = (number: number): string => `${prefix}-node-${number}`
  try {
    const outside = await addNamespace('outside')
    await addAddresses(outside, 'lo', [`${outsideAddresses[0]}/32`, `${outsideAddresses[1]}/128`])
    for (const number of [1, 2]) {
      const name = await addNamespace(`node ${number}`)
      await cable([name, 'eth0'], [outside, `node${number}`])
      await addAddresses(name, 'eth0', [`192.0.2.${number * 4 + 1}/30`, `fd00:192:${number}::1/64`])
      await addAddresses(outside, `node${number}`, [`192.0.2.${number * 4 + 2}/30`, `fd00:192:${number}::2/64`])
      await route(name, 'default', `192.0.2.${number * 4 + 2}`)
      await route(name, '::/0', `fd00:192:${number}::2`)
      for (const [index, range] of podRanges(number).entries())
        await route(outside, range, [`192.0.2.${number * 4 + 1}`, `fd00:192:${number}::1`][index] ?? '')
      await run('ip', '-n', name, 'link', 'add', 'cni0', 'type', 'bridge')
      await addAddresses(name, 'cni0', [`${gateways(number)[0]}/24`, `${gateways(number)[1]}/64`])
      await run('ip', '-n', name, 'link', 'set', 'cni0', 'up')
      for (let index = 0; index < podsPerNode; index += 1) {
        const pod = await addNamespace(`pod ${number} ${index}`)
        await cable([pod, 'eth0'], [name, `pod${index}`])
        await run('ip', '-n', name, 'link', 'set', `pod${index}`, 'master', 'cni0')
        const [four, six] = podAddresses(number, index)
        await addAddresses(pod, 'eth0', [`${four}/24`, `${six}/64`])
        await route(pod, 'default', gateways(number)[0])
        await route(pod, '::/0', gateways(number)[1])
        agents.set(`pod ${number} ${index}`, await startAgent(pod, ports, [four, six]))
      }
      agents.set(`node ${number}`, await startAgent(name, [], []))
    }
    for (const namespace of [outside, node(1), node(2)]) {
      await inside(namespace, 'sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1')
    }
    agents.set('outside', await startAgent(outside, ports, outsideAddresses))
  } catch (error) {
    await dispose()
    throw error
  }
  return {
    node,
    nft: async (number, commands) => {
      const child = spawn('ip', ['netns', 'exec', node(number), 'nft', '-f', '-'], {
        stdio: ['pipe', 'inherit', 'inherit'],
      })
      child.stdin.end(`${commands.join('\n')}\n`)
      const [code] = (await once(child, 'close')) as [number]
      if (code !== 0) throw new Error(`nft: ${code}\n${commands.join('\n')}`)
    },
    listTable: (number, table) => inside(node(number), 'nft', '-s', 'list', 'table', ...table.split(' ')),
    forgetConnections: async (number) => {
      await inside(node(number), 'conntrack', '-F')
    },
    linkLocalOf: async (pod) => {
      const namespace = `${prefix}-${pod.replaceAll(' ', '-')}`
      const text = await run('ip', '-n', namespace, '-j', '-6', 'address', 'show', 'dev', 'eth0', 'scope', 'link')
      const links = JSON.parse(text) as { addr_info?: { local?: string }[] }[]
      const [found] = links.flatMap(({ addr_info: info = [] }) => info.flatMap(({ local }) => local ?? []))
      return `${found}%eth0`
    },
    agent: (name) => {
      const agent = agents.get(name)
      if (agent === undefined) throw new Error(`no agent ${name}`)
      return agent
    },
    [Symbol.asyncDispose]: dispose,
  }
}
