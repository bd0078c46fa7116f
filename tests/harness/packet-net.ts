/**
 * Hosts made of network namespaces, for tests that look at packets: nodes and clients on one wire, Pods behind their
 * nodes, all with addresses of both families. Who listens and who asks are small processes (packet_agent.py).
 *
 *     machine ─┐
 *     client ──┤ switch (a bridge in a namespace of its own) ├── node-1 ── cni0 ── Pods 10.210.1.x, fd00:210:1::x
 *              │                                             └── node-2 ── cni0 ── Pods 10.210.2.x, fd00:210:2::x
 */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { type RunningCommand, startCommand } from './command.ts'

const execFileAsync = promisify(execFile)
const agent = fileURLToPath(new URL('packet_agent.py', import.meta.url))
const python = '/usr/bin/python3'

export type PacketProtocol = 'tcp' | 'udp' | 'sctp'

export interface Host {
  readonly name: string
  /** Its network namespace. */
  readonly namespace: string
  readonly ipv4: string
  readonly ipv6: string
  /** Runs a command in it; rejects if it fails. */
  readonly run: (file: string, ...args: readonly string[]) => Promise<string>
}

export interface Question {
  readonly protocol?: PacketProtocol
  readonly ip: string
  readonly port: number
  readonly count?: number
  /** Seconds for each; default 1. */
  readonly timeout?: number
  readonly sourcePort?: number
}

/** One question of a client that asks at a constant rate. */
export interface Sample {
  /** Seconds since the epoch. */
  readonly at: number
  readonly tookMs: number
  readonly answer: string
}

export interface PacketNet extends AsyncDisposable {
  /** The machine's own address on the wire: where nodes find the API server. */
  readonly machine: string
  readonly addHost: (name: string, index: number) => Promise<Host>
  /** Range number `index` is the node's: 10.210.index.0/24 and fd00:210:index::/64. */
  readonly addNode: (name: string, index: number) => Promise<Host>
  /** A Pod of a node: a namespace behind its bridge, with a server on port 8080 that tells its name. */
  readonly addPod: (node: Host, nodeIndex: number, name: string, index: number) => Promise<Host>
  /** Cuts or mends a host's cable. */
  readonly setLink: (host: Host, state: 'up' | 'down') => Promise<void>
  /** The answers, one for each question. */
  readonly ask: (from: Host, question: Question) => Promise<string[]>
  /** Asks for some seconds at a constant rate, waiting for no answer. */
  readonly rate: (
    from: Host,
    question: Question & { readonly seconds: number; readonly hz: number },
  ) => Promise<Sample[]>
  /** A process in a host's namespace; it ends with the net. */
  readonly start: (host: Host, file: string, args: readonly string[]) => RunningCommand
}

const command = async (file: string, ...args: readonly string[]): Promise<string> =>
  (await execFileAsync(file, args, { maxBuffer: 64 * 1024 * 1024 })).stdout

export const podRange4 = (node: number): string => `10.210.${node}.0/24`
export const podRange6 = (node: number): string => `fd00:210:${node}::/64`

/** Makes the wire. `number` (1 to 250) tells the nets of one machine apart. */
export const createPacketNet = async (number = 1 + (process.pid % 250)): Promise<PacketNet> => {
  const prefix = `px${number}`
  const wire4 = `10.211.${number}`
  const wire6 = `fd00:211:${number}:`
  const namespaces: string[] = []
  const running: RunningCommand[] = []

  const addNamespace = async (name: string): Promise<string> => {
    const namespace = `${prefix}-${name}`
    await command('ip', 'netns', 'add', namespace)
    namespaces.push(namespace)
    await command('ip', '-n', namespace, 'link', 'set', 'lo', 'up')
    // Addresses are used at once, not after a second of looking for doubles.
    await command(
      'ip',
      'netns',
      'exec',
      namespace,
      'sysctl',
      '-qw',
      'net.ipv6.conf.all.accept_dad=0',
      'net.ipv6.conf.default.accept_dad=0',
    )
    return namespace
  }
  const switchNamespace = await addNamespace('switch')
  const inSwitch = (...args: readonly string[]): Promise<string> => command('ip', '-n', switchNamespace, ...args)
  await inSwitch('link', 'add', 'br0', 'type', 'bridge')
  await inSwitch('link', 'set', 'br0', 'up')

  const hostOf = (name: string, namespace: string, ipv4: string, ipv6: string): Host => ({
    name,
    namespace,
    ipv4,
    ipv6,
    run: (file, ...args) => command('ip', 'netns', 'exec', namespace, file, ...args),
  })

  const machineCable = `${prefix}-m`
  await command('ip', 'link', 'add', machineCable, 'type', 'veth', 'peer', 'name', 'machine', 'netns', switchNamespace)
  await inSwitch('link', 'set', 'dev', 'machine', 'master', 'br0', 'up')
  await command('ip', 'address', 'add', `${wire4}.1/24`, 'dev', machineCable)
  await command('ip', 'link', 'set', machineCable, 'up')

  const addHost = async (name: string, index: number): Promise<Host> => {
    const namespace = await addNamespace(name)
    const host = hostOf(name, namespace, `${wire4}.${index}`, `${wire6}:${index}`)
    await inSwitch('link', 'add', name, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', namespace)
    await inSwitch('link', 'set', 'dev', name, 'master', 'br0', 'up')
    await command('ip', '-n', namespace, 'link', 'set', 'eth0', 'up')
    await command('ip', '-n', namespace, 'address', 'add', `${host.ipv4}/24`, 'dev', 'eth0')
    await command('ip', '-n', namespace, 'address', 'add', `${host.ipv6}/64`, 'dev', 'eth0', 'nodad')
    await command('ip', '-n', namespace, 'route', 'add', 'default', 'via', `${wire4}.1`)
    return host
  }

  const addNode = async (name: string, index: number): Promise<Host> => {
    const node = await addHost(name, 10 + index)
    await node.run('sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1')
    await node.run('sysctl', '-qw', 'net.bridge.bridge-nf-call-iptables=1').catch(() => undefined)
    await node.run('sysctl', '-qw', 'net.bridge.bridge-nf-call-ip6tables=1').catch(() => undefined)
    await node.run('ip', 'link', 'add', 'cni0', 'type', 'bridge')
    await node.run('ip', 'link', 'set', 'cni0', 'up')
    await node.run('ip', 'address', 'add', `10.210.${index}.1/24`, 'dev', 'cni0')
    await node.run('ip', 'address', 'add', `fd00:210:${index}::1/64`, 'dev', 'cni0', 'nodad')
    return node
  }

  const start = (host: Host, file: string, args: readonly string[]): RunningCommand => {
    const process = startCommand('ip', ['netns', 'exec', host.namespace, file, ...args])
    running.push(process)
    return process
  }

  const addPod = async (node: Host, nodeIndex: number, name: string, index: number): Promise<Host> => {
    const namespace = await addNamespace(name)
    const pod = hostOf(name, namespace, `10.210.${nodeIndex}.${index}`, `fd00:210:${nodeIndex}::${index}`)
    const cable = `v-${name}`
    await command(
      'ip',
      '-n',
      node.namespace,
      'link',
      'add',
      cable,
      'type',
      'veth',
      'peer',
      'name',
      'eth0',
      'netns',
      namespace,
    )
    await node.run('ip', 'link', 'set', cable, 'master', 'cni0', 'up')
    // What CNI's bridge plugin calls hairpinMode: a Pod may be sent to itself.
    await node.run('ip', 'link', 'set', cable, 'type', 'bridge_slave', 'hairpin', 'on')
    const inPod = (...args: readonly string[]): Promise<string> => command('ip', '-n', namespace, ...args)
    await inPod('link', 'set', 'eth0', 'up')
    await inPod('address', 'add', `${pod.ipv4}/24`, 'dev', 'eth0')
    await inPod('address', 'add', `${pod.ipv6}/64`, 'dev', 'eth0', 'nodad')
    await inPod('route', 'add', 'default', 'via', `10.210.${nodeIndex}.1`)
    await inPod('-6', 'route', 'add', 'default', 'via', `fd00:210:${nodeIndex}::1`)
    await start(pod, python, [agent, 'serve', name, '8080']).until(/ready/)
    return pod
  }

  const questionArgs = ({ protocol = 'tcp', ip, port }: Question): string[] => [protocol, ip, String(port)]

  return {
    machine: `${wire4}.1`,
    addHost,
    addNode,
    addPod,
    setLink: async (host, state) => {
      await inSwitch('link', 'set', 'dev', host.name, state)
    },
    ask: async (from, question) => {
      const { count = 1, timeout = 1, sourcePort } = question
      const args = [...questionArgs(question), String(count), String(timeout)]
      const text = await from.run(
        python,
        agent,
        'ask',
        ...args,
        ...(sourcePort === undefined ? [] : [String(sourcePort)]),
      )
      return JSON.parse(text) as string[]
    },
    rate: async (from, question) => {
      const { seconds, hz, timeout = 1 } = question
      const text = await from.run(
        python,
        agent,
        'rate',
        ...questionArgs(question),
        String(seconds),
        String(hz),
        String(timeout),
      )
      return text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as [number, number, string])
        .map(([at, tookMs, answer]) => ({ at, tookMs, answer }))
    },
    start,
    [Symbol.asyncDispose]: async () => {
      for (const process of running.reverse()) await process[Symbol.asyncDispose]()
      for (const namespace of namespaces.reverse())
        await command('ip', 'netns', 'delete', namespace).catch(() => undefined)
      await command('ip', 'link', 'delete', machineCable).catch(() => undefined)
    },
  }
}
