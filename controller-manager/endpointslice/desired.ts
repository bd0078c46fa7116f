/** The endpoints that a Service should have, grouped by address family and ports. */
import { isPodReady } from '../../api/meta/pods.ts'
import type { EndpointSlice, Node, Pod, Service } from '../../api/types.ts'
import { isDeleting } from '../objects.ts'
import {
  type AddressFamily,
  belongsInEndpoints,
  type EndpointPort,
  endpointHostname,
  endpointPortsOf,
  familiesOf,
  podAddresses,
  podReference,
  zoneOf,
} from '../service-endpoints.ts'

export type Endpoint = NonNullable<EndpointSlice['endpoints']>[number]

/** Endpoints that share one list of ports, and so can share slices. */
export interface EndpointGroup {
  readonly family: AddressFamily
  readonly ports: readonly EndpointPort[]
  /** By `endpointKey`. */
  readonly endpoints: Map<string, Endpoint>
}

/** What makes two endpoints the same one, whatever their conditions: the Pod and its addresses. */
export const endpointKey = (endpoint: Endpoint): string =>
  `${endpoint.targetRef?.uid ?? ''}/${[...endpoint.addresses].sort().join(',')}`

/** Equal for equal sets of ports, in any order. */
export const portsKey = (ports: EndpointSlice['ports']): string =>
  (ports ?? [])
    .map((port) => `${port.name ?? ''}/${port.port ?? ''}/${port.protocol ?? 'TCP'}/${port.appProtocol ?? ''}`)
    .sort()
    .join(';')

/** The endpoint of one Pod. */
export const endpointOf = (pod: Pod, service: Service, addresses: string[], node: Node | undefined): Endpoint => {
  const serving = isPodReady(pod)
  const terminating = isDeleting(pod)
  const hostname = endpointHostname(pod, service)
  const zone = zoneOf(node)
  return {
    addresses,
    conditions: {
      ready: service.spec?.publishNotReadyAddresses === true || (serving && !terminating),
      serving,
      terminating,
    },
    ...(hostname === undefined ? {} : { hostname }),
    ...(pod.spec?.nodeName ? { nodeName: pod.spec.nodeName } : {}),
    targetRef: podReference(pod),
    ...(zone === undefined ? {} : { zone }),
  }
}

/** All groups of the Service; a family without any Pod has one empty group, so that its slice shows the Service exists. */
export const desiredGroups = (
  service: Service,
  pods: readonly Pod[],
  nodeOf: (name: string) => Node | undefined,
): EndpointGroup[] =>
  familiesOf(service).flatMap((family) => {
    const groups = new Map<string, EndpointGroup>()
    for (const pod of pods) {
      if (!belongsInEndpoints(pod, true)) continue
      const addresses = podAddresses(pod, family)
      if (addresses.length === 0) continue
      const ports = endpointPortsOf(pod, service)
      const key = portsKey(ports)
      const group = groups.get(key) ?? { family, ports, endpoints: new Map<string, Endpoint>() }
      const node = pod.spec?.nodeName ? nodeOf(pod.spec.nodeName) : undefined
      const endpoint = endpointOf(pod, service, addresses, node)
      group.endpoints.set(endpointKey(endpoint), endpoint)
      groups.set(key, group)
    }
    if (groups.size === 0) return [{ family, ports: [], endpoints: new Map<string, Endpoint>() }]
    return [...groups.values()]
  })
