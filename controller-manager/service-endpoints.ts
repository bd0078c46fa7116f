/**
 * How a Pod stands behind a Service: shared by the endpoints and the endpointslice controller.
 * Upstream: k8s.io/endpointslice/util, pkg/api/v1/endpoints.
 */
import { matchesSet } from '../api/meta/labels.ts'
import { isPodReady, isPodTerminal } from '../api/meta/pods.ts'
import type { Node, Pod, Service, ServicePort } from '../api/types.ts'
import { isDeleting, labelsOf, nameOf, namespaceOf, uidOf } from './objects.ts'
import { semanticEqual } from './semantic-equal.ts'

export type AddressFamily = 'IPv4' | 'IPv6'

export interface EndpointPort {
  name: string
  port: number
  protocol: string
  appProtocol?: string
}

export const headlessLabel = 'service.kubernetes.io/headless'

export const isHeadless = (service: Service): boolean => service.spec?.clusterIP === 'None'

/** The families that the Service wants endpoints of, the primary first. */
export const familiesOf = (service: Service): AddressFamily[] => {
  const families = (service.spec?.ipFamilies ?? []).filter((family) => family === 'IPv4' || family === 'IPv6')
  if (families.length > 0) return families
  return [(service.spec?.clusterIP ?? '').includes(':') ? 'IPv6' : 'IPv4']
}

/** The Pod's addresses of a family. */
export const podAddresses = (pod: Pod, family: AddressFamily): string[] => {
  const ips = (pod.status?.podIPs ?? []).map(({ ip }) => ip)
  const all = ips.length === 0 && pod.status?.podIP ? [pod.status.podIP] : ips
  return all.filter((ip) => ip.includes(':') === (family === 'IPv6'))
}

/** True if the Pod stands behind the Services that select it, ready or not. */
export const belongsInEndpoints = (pod: Pod, includeTerminating: boolean): boolean =>
  !isPodTerminal(pod) &&
  ((pod.status?.podIPs?.length ?? 0) > 0 || (pod.status?.podIP ?? '') !== '') &&
  (includeTerminating || !isDeleting(pod))

/** The Pod's own DNS name under the Service, if it asked for one there. */
export const endpointHostname = (pod: Pod, service: Service): string | undefined => {
  const hostname = pod.spec?.hostname ?? ''
  const here = pod.spec?.subdomain === nameOf(service) && namespaceOf(pod) === namespaceOf(service)
  return hostname !== '' && here ? hostname : undefined
}

const namedPort = (pod: Pod, name: string, protocol: string): number | undefined => {
  const sidecars = (pod.spec?.initContainers ?? []).filter((container) => container.restartPolicy === 'Always')
  for (const container of [...(pod.spec?.containers ?? []), ...sidecars]) {
    const port = container.ports?.find((item) => item.name === name && (item.protocol ?? 'TCP') === protocol)
    if (port !== undefined) return port.containerPort
  }
  return undefined
}

/** The port on the Pod that a Service port leads to; undefined if the Pod has none of that name. */
export const targetPortOf = (pod: Pod, port: ServicePort): number | undefined => {
  const target = port.targetPort
  if (typeof target === 'string' && target !== '' && !/^\d+$/.test(target)) {
    return namedPort(pod, target, port.protocol ?? 'TCP')
  }
  const number = Number(target ?? 0)
  return number === 0 ? port.port : number
}

/** The Service's ports as they are on this Pod; a port that the Pod lacks is left out. */
export const endpointPortsOf = (pod: Pod, service: Service): EndpointPort[] =>
  (service.spec?.ports ?? []).flatMap((port) => {
    const number = targetPortOf(pod, port)
    if (number === undefined) return []
    return [
      {
        name: port.name ?? '',
        port: number,
        protocol: port.protocol ?? 'TCP',
        ...(port.appProtocol ? { appProtocol: port.appProtocol } : {}),
      },
    ]
  })

export const podReference = (pod: Pod): { kind: string; namespace: string; name: string; uid: string } => ({
  kind: 'Pod',
  namespace: namespaceOf(pod),
  name: nameOf(pod),
  uid: uidOf(pod),
})

export const zoneOf = (node: Node | undefined): string | undefined =>
  node === undefined ? undefined : labelsOf(node)['topology.kubernetes.io/zone']

/** The Services of the Pod's namespace that select it. */
export const servicesOfPod = (pod: Pod, services: readonly Service[]): Service[] =>
  services.filter((service) => {
    const selector = service.spec?.selector
    if (selector === undefined || selector === null || Object.keys(selector).length === 0) return false
    return matchesSet(selector, labelsOf(pod))
  })

/** True if a change of the Pod can change its endpoints. Labels are compared apart: they decide which Services. */
export const endpointsChanged = (old: Pod, next: Pod): boolean =>
  isDeleting(old) !== isDeleting(next) ||
  isPodReady(old) !== isPodReady(next) ||
  isPodTerminal(old) !== isPodTerminal(next) ||
  old.spec?.nodeName !== next.spec?.nodeName ||
  old.spec?.hostname !== next.spec?.hostname ||
  old.spec?.subdomain !== next.spec?.subdomain ||
  old.status?.podIP !== next.status?.podIP ||
  !semanticEqual(old.status?.podIPs, next.status?.podIPs)

/** Labels that an Endpoints or EndpointSlice takes over from its Service. */
export const inheritedLabels = (service: Service): Record<string, string> => {
  const { [headlessLabel]: _headless, ...labels } = labelsOf(service)
  return isHeadless(service) ? { ...labels, [headlessLabel]: '' } : labels
}
