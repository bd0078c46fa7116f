/** From Services and EndpointSlices to what the rules need: one ServicePort for each port of each Service. Pure. */
import type { EndpointSlice, Service } from '../../api/types.ts'
import { type IpFamily, ofFamily } from '../family.ts'
import { type Endpoint, endpointsOf, endpointText } from './endpoints.ts'
import { type Categories, categorize, type Place } from './topology.ts'

export type Protocol = 'tcp' | 'udp' | 'sctp'

/** One port of one Service in one family, with the endpoints that new connections may go to. */
export interface ServicePort extends Categories {
  /** `namespace/name`. */
  readonly service: string
  readonly portName: string
  readonly protocol: Protocol
  readonly port: number
  readonly clusterIP: string
  readonly externalIPs: readonly string[]
  /** Addresses of a load balancer whose packets come here as they are. */
  readonly loadBalancerIPs: readonly string[]
  /** Who may come by a load balancer's address; empty: everybody. */
  readonly sourceRanges: readonly string[]
  /** 0 is none. */
  readonly nodePort: number
  readonly internalPolicyLocal: boolean
  /** externalTrafficPolicy Local: the client's address is kept, and only this node's endpoints are used. */
  readonly externalPolicyLocal: boolean
  /** Seconds of ClientIP affinity; 0 is none. */
  readonly affinitySeconds: number
  /** Every endpoint that answers, on this node or not: flows to others are stale. */
  readonly serving: readonly string[]
}

/** The question that a cloud's load balancer asks a node: has it endpoints of this Service? */
export interface HealthCheck {
  readonly port: number
  readonly localEndpoints: number
}

export interface ServiceView {
  readonly ports: readonly ServicePort[]
  readonly healthCheck: HealthCheck | undefined
}

export interface ViewOptions extends Place {
  readonly family: IpFamily
}

const noView: ServiceView = { ports: [], healthCheck: undefined }
const defaultAffinitySeconds = 10_800

/** The Service's load balancer addresses; behind a proxy (ipMode Proxy) clients must go the way over it. */
const loadBalancerIPsOf = (service: Service): string[] =>
  (service.status?.loadBalancer?.ingress ?? []).filter(({ ipMode }) => ipMode !== 'Proxy').map(({ ip }) => ip ?? '')

const healthCheckOf = (service: Service, endpoints: readonly Endpoint[]): HealthCheck | undefined => {
  const { type, externalTrafficPolicy, healthCheckNodePort = 0 } = service.spec ?? {}
  if (type !== 'LoadBalancer' || externalTrafficPolicy !== 'Local' || healthCheckNodePort === 0) return undefined
  const local = endpoints.filter(({ isLocal, isReady }) => isLocal && isReady).map(({ ip }) => ip)
  return { port: healthCheckNodePort, localEndpoints: new Set(local).size }
}

/** What a node programs for a Service: nothing for headless and ExternalName Services, and those of the other family. */
export const viewService = (service: Service, slices: readonly EndpointSlice[], options: ViewOptions): ServiceView => {
  const { spec } = service
  const { family } = options
  if (spec === undefined || spec.type === 'ExternalName') return noView
  const [clusterIP] = ofFamily(
    family,
    (spec.clusterIPs ?? [spec.clusterIP ?? '']).filter((ip) => ip !== 'None'),
  )
  if (clusterIP === undefined) return noView
  const externalIPs = ofFamily(family, spec.externalIPs ?? [])
  const loadBalancerIPs = ofFamily(family, loadBalancerIPsOf(service))
  const internalPolicyLocal = spec.internalTrafficPolicy === 'Local'
  const externalPolicyLocal = spec.externalTrafficPolicy === 'Local'
  const all: Endpoint[] = []
  const ports = (spec.ports ?? []).map((port): ServicePort => {
    const protocol = port.protocol ?? 'TCP'
    const nodePort = spec.type === 'ClusterIP' ? 0 : (port.nodePort ?? 0)
    const isExternal = nodePort !== 0 || externalIPs.length > 0 || loadBalancerIPs.length > 0
    const endpoints = endpointsOf(slices, { portName: port.name ?? '', protocol, ...options })
    all.push(...endpoints)
    return {
      // Even under Local policies what the node and its Pods send to the outside addresses goes everywhere.
      ...categorize(
        endpoints,
        {
          usesCluster: !internalPolicyLocal || isExternal,
          usesLocal: internalPolicyLocal || (externalPolicyLocal && isExternal),
        },
        options,
      ),
      service: `${service.metadata?.namespace}/${service.metadata?.name}`,
      portName: port.name ?? '',
      protocol: protocol.toLowerCase() as Protocol,
      port: port.port,
      clusterIP,
      externalIPs,
      loadBalancerIPs,
      sourceRanges: ofFamily(
        family,
        (spec.loadBalancerSourceRanges ?? []).map((range) => range.trim()),
      ),
      nodePort,
      internalPolicyLocal,
      externalPolicyLocal,
      affinitySeconds:
        spec.sessionAffinity === 'ClientIP'
          ? (spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? defaultAffinitySeconds)
          : 0,
      serving: endpoints.filter(({ isServing }) => isServing).map(endpointText),
    }
  })
  return { ports, healthCheck: healthCheckOf(service, all) }
}
