/**
 * UDP has no end of a connection: a client that goes on talking would be sent to an endpoint that is gone, or stay
 * without one, for as long as its conntrack entry lives. So flows to a Service whose endpoint is none of the Service's
 * that answer are deleted. Upstream: pkg/proxy/conntrack/cleanup.go, CleanStaleEntries.
 */
import { execFile } from 'node:child_process'
import type { IpFamily } from '../family.ts'
import { hostPort } from '../family.ts'
import type { ServicePort } from './service-port.ts'

/** A flow as the kernel tracks it: to whom the client wrote, and who answers it. */
export interface Flow {
  readonly destination: string
  readonly port: number
  readonly replySource: string
  readonly replyPort: number
}

const fieldsOf = (line: string, name: string): string[] =>
  [...line.matchAll(new RegExp(`\\b${name}=(\\S+)`, 'g'))].map((match) => match[1] ?? '')

/** Reads what `conntrack -L -p udp` prints: each line has the original direction, then that of the reply. */
export const parseFlows = (text: string): Flow[] =>
  text.split('\n').flatMap((line) => {
    const [, replySource] = fieldsOf(line, 'src')
    const [destination] = fieldsOf(line, 'dst')
    const [, replyPort] = fieldsOf(line, 'sport')
    const [port] = fieldsOf(line, 'dport')
    if (replySource === undefined || destination === undefined || port === undefined || replyPort === undefined)
      return []
    return [{ destination, port: Number(port), replySource, replyPort: Number(replyPort) }]
  })

const keyOf = ({ destination, port, replySource, replyPort }: Flow): string =>
  `${destination}|${port}|${replySource}|${replyPort}`

/** The flows that no endpoint of their Service answers, each kind once. Pure. */
export const staleFlows = (flows: readonly Flow[], ports: Iterable<ServicePort>): Flow[] => {
  const byAddress = new Map<string, Set<string>>()
  const byNodePort = new Map<number, Set<string>>()
  for (const port of ports) {
    if (port.protocol !== 'udp') continue
    const serving = new Set(port.serving)
    for (const ip of [port.clusterIP, ...port.externalIPs, ...port.loadBalancerIPs])
      byAddress.set(hostPort(ip, port.port), serving)
    if (port.nodePort !== 0) byNodePort.set(port.nodePort, serving)
  }
  const stale = new Map<string, Flow>()
  for (const flow of flows) {
    const serving = byAddress.get(hostPort(flow.destination, flow.port)) ?? byNodePort.get(flow.port)
    if (serving !== undefined && !serving.has(hostPort(flow.replySource, flow.replyPort))) stale.set(keyOf(flow), flow)
  }
  return [...stale.values()]
}

/** conntrack exits 1 when nothing matched; its absence leaves flows to their time-out. */
const conntrack = (family: IpFamily, ...args: readonly string[]): Promise<string> =>
  new Promise((resolve) => {
    const options = { maxBuffer: 256 * 1024 * 1024 }
    execFile('conntrack', ['-f', family.toLowerCase(), '-p', 'udp', ...args], options, (_error, stdout) =>
      resolve(stdout),
    )
  })

/** Deletes the stale flows of a family; returns how many kinds there were. */
export const deleteStaleFlows = async (family: IpFamily, ports: Iterable<ServicePort>): Promise<number> => {
  const stale = staleFlows(parseFlows(await conntrack(family, '-L')), ports)
  for (const { destination, port, replySource, replyPort } of stale) {
    const original = ['--orig-dst', destination, '--orig-port-dst', String(port)]
    await conntrack(family, '-D', ...original, '--reply-src', replySource, '--reply-port-src', String(replyPort))
  }
  return stale.length
}
