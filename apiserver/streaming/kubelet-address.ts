/** Where a node's kubelet listens. Upstream: NodeConnectionInfoGetter in pkg/kubelet/client */
import { StatusError } from '../../api/meta/status-error.ts'
import type { Node } from '../../api/types.ts'

export interface HostPort {
  readonly host: string
  readonly port: number
}

const defaultKubeletPort = 10250

/** The node's first address of the most preferred type, and the port that its status tells. Throws StatusError. */
export const kubeletAddress = (node: Node, preferredTypes: readonly string[]): HostPort => {
  const addresses = node.status?.addresses ?? []
  const port = node.status?.daemonEndpoints?.kubeletEndpoint?.Port ?? 0
  for (const type of preferredTypes) {
    const match = addresses.find((address) => address.type === type && address.address !== '')
    if (match !== undefined) return { host: match.address, port: port > 0 ? port : defaultKubeletPort }
  }
  const known = addresses.map(({ type, address }) => `{${type} ${address}}`).join(' ')
  throw new StatusError('', `no preferred addresses found; known addresses: [${known}]`, { code: 500 })
}

/** `host:port`, with brackets around an IPv6 address. */
export const joinHostPort = ({ host, port }: HostPort): string => `${host.includes(':') ? `[${host}]` : host}:${port}`
