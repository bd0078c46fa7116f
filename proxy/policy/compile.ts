/**
 * A NetworkPolicy as the rules need it: who it is about, and for each direction that it isolates what it allows.
 * Selectors are parsed and named once; who they select is looked up elsewhere. Pure.
 */
import { containsCidr, maskedCidr, parseCidr } from '../../api/meta/cidr.ts'
import { type LabelRequirement, type Matcher, matcherFromLabelSelector, requirementsOf } from '../../api/meta/labels.ts'
import type { LabelSelector, NetworkPolicy } from '../../api/types.ts'

export type Family = 4 | 6
export type Protocol = 'tcp' | 'udp' | 'sctp'

/** Pods that a peer's selectors choose. Peers that say the same share one group, whichever policy they stand in. */
export interface GroupSpec {
  /** The same for the same selection. */
  readonly key: string
  /** In all namespaces with such labels, or in one alone. */
  readonly namespaces:
    | { readonly type: 'labels'; readonly match: Matcher }
    | { readonly type: 'one'; readonly name: string }
  readonly matchPod: Matcher
}

export type Peer =
  | { readonly type: 'pods'; readonly group: GroupSpec }
  | { readonly type: 'block'; readonly family: Family; readonly cidr: string; readonly except: readonly string[] }

/** Ports of one protocol: ranges with both ends included, and names, which each destination Pod gives a number. */
export interface PortMatch {
  readonly protocol: Protocol
  readonly ranges: readonly (readonly [number, number])[]
  readonly names: readonly string[]
}

/** What one rule allows: 'all' where the policy names nothing. */
export interface AllowRule {
  readonly peers: 'all' | readonly Peer[]
  readonly ports: 'all' | readonly PortMatch[]
}

export interface CompiledPolicy {
  /** `namespace/name`. */
  readonly key: string
  readonly namespace: string
  readonly selects: Matcher
  /** Undefined: the policy does not isolate in that direction. */
  readonly ingress: readonly AllowRule[] | undefined
  readonly egress: readonly AllowRule[] | undefined
}

type Spec = NonNullable<NetworkPolicy['spec']>
type RawPeer = NonNullable<NonNullable<Spec['ingress']>[number]['from']>[number]
type RawPort = NonNullable<NonNullable<Spec['ingress']>[number]['ports']>[number]

const lastPort = 65_535

const textOf = (requirements: readonly LabelRequirement[]): string =>
  JSON.stringify(requirements.map(({ key, op, values }) => [key, op === '==' ? '=' : op, values]))

/** A selector with its canonical text: `{}` selects all. */
const selectorOf = (selector: LabelSelector): { readonly text: string; readonly match: Matcher } => ({
  text: textOf(requirementsOf(selector)),
  match: matcherFromLabelSelector(selector),
})

const groupOf = ({ namespaceSelector, podSelector }: RawPeer, namespace: string): GroupSpec => {
  const pods = selectorOf(podSelector ?? {})
  if (namespaceSelector === undefined) {
    return { key: `${namespace} ${pods.text}`, namespaces: { type: 'one', name: namespace }, matchPod: pods.match }
  }
  const { text, match } = selectorOf(namespaceSelector)
  return { key: `${text} ${pods.text}`, namespaces: { type: 'labels', match }, matchPod: pods.match }
}

/** Ranges of addresses without those that lie in another of them: nft wants none twice. */
const withoutContained = (ranges: readonly string[]): string[] => {
  const parsed = ranges.flatMap((text) => {
    const [cidr, masked] = [parseCidr(text), maskedCidr(text)?.masked]
    return cidr === undefined || masked === undefined ? [] : [{ cidr, masked }]
  })
  const widest = parsed.toSorted((a, b) => a.cidr.prefix - b.cidr.prefix)
  const kept: typeof parsed = []
  for (const candidate of widest) {
    if (!kept.some(({ cidr }) => containsCidr(cidr, candidate.cidr))) kept.push(candidate)
  }
  return kept.map(({ masked }) => masked).sort()
}

const peerOf = (peer: RawPeer, namespace: string): Peer[] => {
  const { ipBlock } = peer
  if (ipBlock === undefined) return [{ type: 'pods', group: groupOf(peer, namespace) }]
  const family = parseCidr(ipBlock.cidr)?.family
  const cidr = maskedCidr(ipBlock.cidr)?.masked
  if (family === undefined || cidr === undefined) return []
  return [{ type: 'block', family, cidr, except: withoutContained(ipBlock.except ?? []) }]
}

/** Ranges in order, with those that overlap or touch made one. */
export const mergeRanges = (ranges: readonly (readonly [number, number])[]): [number, number][] => {
  const merged: [number, number][] = []
  for (const [first, last] of ranges.toSorted((a, b) => a[0] - b[0])) {
    const previous = merged.at(-1)
    if (previous !== undefined && first <= previous[1] + 1) previous[1] = Math.max(previous[1], last)
    else merged.push([first, last])
  }
  return merged
}

const portsOf = (ports: readonly RawPort[]): PortMatch[] => {
  const protocols = ['tcp', 'udp', 'sctp'] as const
  return protocols.flatMap((protocol): PortMatch[] => {
    const own = ports.filter((port) => (port.protocol ?? 'TCP').toLowerCase() === protocol)
    if (own.length === 0) return []
    const names = own.flatMap(({ port }) => (typeof port === 'string' ? [port] : []))
    const ranges = own.flatMap(({ port, endPort }): [number, number][] => {
      if (typeof port === 'string') return []
      return port === undefined ? [[0, lastPort]] : [[Number(port), endPort ?? Number(port)]]
    })
    return [{ protocol, ranges: mergeRanges(ranges), names: [...new Set(names)].sort() }]
  })
}

const ruleOf = (
  peers: readonly RawPeer[] | undefined,
  ports: readonly RawPort[] | undefined,
  namespace: string,
): AllowRule => ({
  peers: (peers ?? []).length === 0 ? 'all' : (peers ?? []).flatMap((peer) => peerOf(peer, namespace)),
  ports: (ports ?? []).length === 0 ? 'all' : portsOf(ports ?? []),
})

/** Directions that a policy isolates: those that it names, or ingress, and egress where it has rules for it. */
const directionsOf = ({ policyTypes, egress }: Spec): ReadonlySet<string> => {
  if ((policyTypes ?? []).length > 0) return new Set(policyTypes)
  return new Set((egress ?? []).length > 0 ? ['Ingress', 'Egress'] : ['Ingress'])
}

/** Throws StatusError BadRequest for a selector that the API server would have refused. */
export const compilePolicy = ({ metadata, spec = {} }: NetworkPolicy): CompiledPolicy => {
  const namespace = metadata?.namespace ?? ''
  const directions = directionsOf(spec)
  return {
    key: `${namespace}/${metadata?.name}`,
    namespace,
    selects: matcherFromLabelSelector(spec.podSelector ?? {}),
    ingress: directions.has('Ingress')
      ? (spec.ingress ?? []).map(({ from, ports }) => ruleOf(from, ports, namespace))
      : undefined,
    egress: directions.has('Egress')
      ? (spec.egress ?? []).map(({ to, ports }) => ruleOf(to, ports, namespace))
      : undefined,
  }
}

/** Everything of other Pods that a policy's rules look up: groups, and named ports as `tcp http`. */
export const referencesOf = ({
  ingress = [],
  egress = [],
}: CompiledPolicy): {
  readonly groups: readonly GroupSpec[]
  readonly ports: readonly string[]
} => {
  const rules = [...ingress, ...egress]
  const groups = new Map<string, GroupSpec>()
  const ports = new Set<string>()
  for (const rule of rules) {
    for (const peer of rule.peers === 'all' ? [] : rule.peers)
      if (peer.type === 'pods') groups.set(peer.group.key, peer.group)
    for (const { protocol, names } of rule.ports === 'all' ? [] : rule.ports)
      for (const name of names) ports.add(namedPort(protocol, name))
  }
  return { groups: [...groups.values()], ports: [...ports] }
}

export const namedPort = (protocol: string, name: string): string => `${protocol} ${name}`
