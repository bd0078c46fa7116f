/**
 * What NetworkPolicies allow, straight from their objects and one packet at a time: slow, without any of the ideas of
 * proxy/policy, and so what its rules are held against.
 */
import { containsCidr, parseCidr, parseIp } from '../../../api/meta/cidr.ts'
import { matcherFromLabelSelector } from '../../../api/meta/labels.ts'
import type { NetworkPolicy, Pod } from '../../../api/types.ts'

export interface World {
  readonly namespaces: Readonly<Record<string, Readonly<Record<string, string>>>>
  readonly pods: readonly Pod[]
  readonly policies: readonly NetworkPolicy[]
}

export interface Packet {
  readonly from: string
  readonly to: string
  readonly protocol: 'TCP' | 'UDP' | 'SCTP'
  readonly port: number
}

type Rule = NonNullable<NonNullable<NetworkPolicy['spec']>['ingress']>[number]
type Peer = NonNullable<Rule['from']>[number]
type Port = NonNullable<Rule['ports']>[number]

const podAt = ({ pods }: World, ip: string): Pod | undefined =>
  pods.find(
    ({ spec, status }) =>
      spec?.hostNetwork !== true &&
      !['Succeeded', 'Failed'].includes(status?.phase ?? '') &&
      (status?.podIPs ?? []).some((address) => address.ip === ip),
  )

const isInBlock = (block: string, ip: string): boolean => {
  const [range, address] = [parseCidr(block), parseIp(ip)]
  if (range === undefined || address === undefined) return false
  return containsCidr(range, { ...address, prefix: address.family === 4 ? 32 : 128 })
}

const isPeer = (world: World, peer: Peer, { ip, namespace }: { ip: string; namespace: string }): boolean => {
  if (peer.ipBlock !== undefined)
    return isInBlock(peer.ipBlock.cidr, ip) && !(peer.ipBlock.except ?? []).some((except) => isInBlock(except, ip))
  const pod = podAt(world, ip)
  if (pod === undefined) return false
  const own = pod.metadata?.namespace ?? ''
  if (peer.podSelector !== undefined && !matcherFromLabelSelector(peer.podSelector)(pod.metadata?.labels)) return false
  if (peer.namespaceSelector === undefined) return own === namespace
  return own in world.namespaces && matcherFromLabelSelector(peer.namespaceSelector)(world.namespaces[own])
}

const isPort = (world: World, { protocol = 'TCP', port, endPort }: Port, packet: Packet): boolean => {
  if (protocol !== packet.protocol) return false
  if (port === undefined) return true
  if (typeof port === 'string') {
    const containers = podAt(world, packet.to)?.spec?.containers ?? []
    return containers
      .flatMap((container) => container.ports ?? [])
      .some((own) => own.name === port && (own.protocol ?? 'TCP') === protocol && own.containerPort === packet.port)
  }
  return packet.port >= Number(port) && packet.port <= (endPort ?? Number(port))
}

const passes = (world: World, packet: Packet, direction: 'Ingress' | 'Egress'): boolean => {
  const [own, other] = direction === 'Ingress' ? [packet.to, packet.from] : [packet.from, packet.to]
  const pod = podAt(world, own)
  if (pod === undefined) return true
  const policies = world.policies.filter(({ metadata, spec }) => {
    const types = (spec?.policyTypes ?? []).length > 0 ? (spec?.policyTypes ?? []) : undefined
    const isolates = types?.includes(direction) ?? (direction === 'Ingress' || (spec?.egress ?? []).length > 0)
    const selects = matcherFromLabelSelector(spec?.podSelector ?? {})(pod.metadata?.labels)
    return isolates && metadata?.namespace === pod.metadata?.namespace && selects
  })
  if (policies.length === 0) return true
  return policies.some(({ metadata, spec }) => {
    const rules =
      direction === 'Ingress'
        ? (spec?.ingress ?? []).map(({ from, ports }) => ({ peers: from ?? [], ports: ports ?? [] }))
        : (spec?.egress ?? []).map(({ to, ports }) => ({ peers: to ?? [], ports: ports ?? [] }))
    return rules.some(
      ({ peers, ports }) =>
        (ports.length === 0 || ports.some((port) => isPort(world, port, packet))) &&
        (peers.length === 0 ||
          peers.some((peer) => isPeer(world, peer, { ip: other, namespace: metadata?.namespace ?? '' }))),
    )
  })
}

/** True if a new connection gets through. */
export const isAllowed = (world: World, packet: Packet): boolean =>
  packet.from === packet.to || (passes(world, packet, 'Egress') && passes(world, packet, 'Ingress'))
