/** Which way leads to the Pods of the other nodes: straight to nodes on the same network, in a tunnel to others. Pure. */
import { createHash } from 'node:crypto'
import { boundsOf, containsCidr, ipText, parseCidr, parseIp } from '../../api/meta/cidr.ts'
import type { Node } from '../../api/types.ts'
import { familyOf, familyWords, type IpFamily } from '../family.ts'
import { nodeIPOf, podCIDRsOf } from '../node-settings.ts'

export type TunnelMode = 'auto' | 'always' | 'never'

/** The other end of a tunnel: an address for routes that only the tunnel's device knows. */
export interface TunnelEnd {
  readonly address: string
  readonly mac: string
  /** The node's own address: where packets of the tunnel are sent. */
  readonly remote: string
}

export interface NodeRoute {
  readonly family: IpFamily
  readonly range: string
  readonly gateway: string
  /** Undefined: the gateway is a neighbour. */
  readonly tunnel: TunnelEnd | undefined
}

export interface RouteContext {
  /** This node's name. */
  readonly self: string
  /** `172.30.0.11/24`: this node's addresses with the networks that they are on. */
  readonly networks: readonly string[]
  readonly mode: TunnelMode
}

/** A device's hardware address that every node can compute: a locally administered one, by the node's address. */
const macOf = (address: string): string => {
  const hash = createHash('sha256').update(address).digest('hex')
  return ['0e', ...Array.from({ length: 5 }, (_, index) => hash.slice(index * 2, index * 2 + 2))].join(':')
}

/** The first address of a range of Pods, which no Pod gets. */
const firstOf = (range: string): string | undefined => {
  const cidr = parseCidr(range)
  return cidr === undefined ? undefined : ipText(cidr.family, boundsOf(cidr).first)
}

/** The ends of a node's tunnels: one for each of its ranges. */
export const tunnelEndsOf = (node: Node): readonly TunnelEnd[] => {
  // One family below is enough for both above.
  const remote = nodeIPOf(node, 'IPv4') ?? nodeIPOf(node, 'IPv6')
  if (remote === undefined) return []
  return podCIDRsOf(node).flatMap((range) => {
    const address = firstOf(range)
    return address === undefined ? [] : [{ address, mac: macOf(remote), remote }]
  })
}

const isNeighbour = (address: string, networks: readonly string[]): boolean => {
  const ip = parseIp(address)
  return networks.some((network) => {
    const cidr = parseCidr(network)
    if (cidr === undefined || ip === undefined) return false
    return containsCidr(cidr, { ...ip, prefix: familyWords[familyOf(address)].width })
  })
}

/** A route for each range of each other node. */
export const planRoutes = (nodes: readonly Node[], { self, networks, mode }: RouteContext): NodeRoute[] =>
  nodes
    .filter((node) => node.metadata?.name !== self)
    .flatMap((node) => {
      const ends = tunnelEndsOf(node)
      return podCIDRsOf(node).flatMap((range): NodeRoute[] => {
        const family = familyOf(range)
        const gateway = nodeIPOf(node, family)
        const direct =
          gateway !== undefined && mode !== 'always' && (mode === 'never' || isNeighbour(gateway, networks))
        if (direct) return [{ family, range, gateway, tunnel: undefined }]
        const tunnel = ends.find(({ address }) => address === firstOf(range))
        return tunnel === undefined || mode === 'never' ? [] : [{ family, range, gateway: tunnel.address, tunnel }]
      })
    })
