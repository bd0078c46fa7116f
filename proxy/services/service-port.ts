/** From Services and EndpointSlices to what the rules need: one ServicePort for each port of each Service. Pure. */
import type { EndpointSlice, Service } from '../../api/types.ts'

export interface Endpoint {
  readonly ip: string
  readonly port: number
  readonly isLocal: boolean
}

/** One port of one Service with the endpoints that new connections may go to. */
export interface ServicePort {
  /** `namespace/name`. */
  readonly service: string
  readonly portName: string
  readonly protocol: 'tcp' | 'udp' | 'sctp'
  readonly port: number
  readonly clusterIP: string
  /** Addresses from outside the cluster: external IPs and load balancer IPs. */
  readonly externalIPs: readonly string[]
  readonly nodePort: number
  /** Endpoints for traffic from inside the cluster. */
  readonly internalEndpoints: readonly Endpoint[]
  /** Endpoints for traffic from outside. */
  readonly externalEndpoints: readonly Endpoint[]
  readonly internalPolicyLocal: boolean
  /** externalTrafficPolicy Local: the client's address is kept, and only this node's endpoints are used. */
  readonly externalPolicyLocal: boolean
  /** Seconds of ClientIP affinity; 0 is none. */
  readonly affinitySeconds: number
}

const isIPv4 = (address: string): boolean => address.includes('.')

type SliceEndpoint = NonNullable<EndpointSlice['endpoints']>[number]

/** Ready endpoints; if there is none, those that serve while they terminate. Upstream: topology.go. */
const usable = (endpoints: readonly SliceEndpoint[]): readonly SliceEndpoint[] => {
  const ready = endpoints.filter(({ conditions }) => conditions?.ready !== false)
  if (ready.length > 0) return ready
  return endpoints.filter(({ conditions }) => conditions?.serving === true && conditions.terminating === true)
}

interface Candidate extends SliceEndpoint {
  readonly targetPort: number
}

const candidatesOf = (slices: readonly EndpointSlice[], portName: string, protocol: string): Candidate[] => {
  const seen = new Set<string>()
  const candidates: Candidate[] = []
  for (const slice of slices) {
    if (slice.addressType !== 'IPv4') continue
    const port = slice.ports?.find((p) => (p.name ?? '') === portName && (p.protocol ?? 'TCP') === protocol)
    if (port?.port === undefined) continue
    for (const endpoint of slice.endpoints ?? []) {
      const id = `${endpoint.addresses[0]}:${port.port}`
      if (seen.has(id)) continue
      seen.add(id)
      candidates.push({ ...endpoint, targetPort: port.port })
    }
  }
  return candidates
}

/** All ports of a Service that this node must program; none for headless and ExternalName Services. */
export const servicePortsOf = (service: Service, slices: readonly EndpointSlice[], nodeName: string): ServicePort[] => {
  const { spec } = service
  // Of a Service of two families the IPv4 address, whichever comes first.
  const clusterIP = (spec?.clusterIPs ?? [spec?.clusterIP ?? '']).find((ip) => isIPv4(ip))
  if (spec === undefined || spec.type === 'ExternalName' || clusterIP === undefined) return []
  const loadBalancerIPs = (service.status?.loadBalancer?.ingress ?? [])
    .filter((ingress) => ingress.ipMode !== 'Proxy')
    .map((ingress) => ingress.ip ?? '')
  const externalIPs = [...(spec.externalIPs ?? []), ...loadBalancerIPs].filter(isIPv4)
  const internalPolicyLocal = spec.internalTrafficPolicy === 'Local'
  const externalPolicyLocal = spec.externalTrafficPolicy === 'Local'
  const affinitySeconds =
    spec.sessionAffinity === 'ClientIP' ? (spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? 10_800) : 0
  return (spec.ports ?? []).map((port) => {
    const protocol = port.protocol ?? 'TCP'
    const candidates = candidatesOf(slices, port.name ?? '', protocol)
    const toEndpoints = (chosen: readonly SliceEndpoint[]): Endpoint[] =>
      (chosen as readonly Candidate[])
        .map((candidate) => ({
          ip: candidate.addresses[0] ?? '',
          port: candidate.targetPort,
          isLocal: candidate.nodeName === nodeName,
        }))
        .sort((a, b) => (a.ip < b.ip ? -1 : a.ip > b.ip ? 1 : a.port - b.port))
    const local = candidates.filter((candidate) => candidate.nodeName === nodeName)
    const everywhere = toEndpoints(usable(candidates))
    const here = toEndpoints(usable(local))
    return {
      service: `${service.metadata?.namespace}/${service.metadata?.name}`,
      portName: port.name ?? '',
      protocol: protocol.toLowerCase() as ServicePort['protocol'],
      port: port.port,
      clusterIP,
      externalIPs,
      nodePort: spec.type === 'ClusterIP' ? 0 : (port.nodePort ?? 0),
      internalEndpoints: internalPolicyLocal ? here : everywhere,
      externalEndpoints: externalPolicyLocal ? here : everywhere,
      internalPolicyLocal,
      externalPolicyLocal,
      affinitySeconds,
    }
  })
}
