/** From EndpointSlices to the endpoints of one port of a Service. Pure. Upstream: endpointslicecache.go. */
import type { EndpointSlice } from '../../api/types.ts'
import { hostPort, type IpFamily } from '../family.ts'

export interface Endpoint {
  readonly ip: string
  readonly port: number
  /** On the node that asks. */
  readonly isLocal: boolean
  readonly isReady: boolean
  readonly isServing: boolean
  readonly isTerminating: boolean
  /** Nodes and zones that the endpointslice controller wants it to be used from. */
  readonly nodeHints: readonly string[]
  readonly zoneHints: readonly string[]
}

export const endpointText = ({ ip, port }: Pick<Endpoint, 'ip' | 'port'>): string => hostPort(ip, port)

interface PortQuery {
  readonly portName: string
  /** `TCP`, as in the API. */
  readonly protocol: string
  readonly family: IpFamily
  readonly nodeName: string
}

/** All endpoints of a port, in the order of their addresses; of doubles (while a Pod moves between slices) the first. */
export const endpointsOf = (slices: readonly EndpointSlice[], query: PortQuery): Endpoint[] => {
  const found = new Map<string, Endpoint>()
  for (const slice of slices) {
    if (slice.addressType !== query.family) continue
    const port = slice.ports?.find((p) => (p.name ?? '') === query.portName && (p.protocol ?? 'TCP') === query.protocol)
    if (port?.port === undefined) continue
    for (const { addresses, conditions, hints, nodeName } of slice.endpoints ?? []) {
      const [ip] = addresses
      if (ip === undefined) continue
      const endpoint: Endpoint = {
        ip,
        port: port.port,
        isLocal: nodeName === query.nodeName,
        isReady: conditions?.ready !== false,
        isServing: conditions?.serving !== false,
        isTerminating: conditions?.terminating === true,
        nodeHints: (hints?.forNodes ?? []).map(({ name }) => name),
        zoneHints: (hints?.forZones ?? []).map(({ name }) => name),
      }
      const key = endpointText(endpoint)
      if (!found.has(key)) found.set(key, endpoint)
    }
  }
  return [...found.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, endpoint]) => endpoint)
}
