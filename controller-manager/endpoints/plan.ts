/** The Endpoints object of a Service. Upstream: pkg/controller/endpoint. */
import { isPodReady } from '../../api/meta/pods.ts'
import type { Endpoints, Pod, Service } from '../../api/types.ts'
import { annotationsOf, labelsOf, nameOf, namespaceOf } from '../objects.ts'
import { sameStatus, semanticEqual } from '../semantic-equal.ts'
import {
  belongsInEndpoints,
  endpointHostname,
  endpointPortsOf,
  familiesOf,
  inheritedLabels,
  podAddresses,
  podReference,
} from '../service-endpoints.ts'

type Subset = NonNullable<Endpoints['subsets']>[number]
type Address = NonNullable<Subset['addresses']>[number]

const maxCapacity = 1000
const overCapacityAnnotation = 'endpoints.kubernetes.io/over-capacity'
const managedByLabel = 'endpoints.kubernetes.io/managed-by'

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
const addressKey = (address: Address): string => `${address.ip}/${address.targetRef?.uid ?? ''}`

const sortSubset = (subset: Subset): Subset => ({
  ...(subset.addresses && { addresses: subset.addresses.sort((a, b) => byText(addressKey(a), addressKey(b))) }),
  ...(subset.notReadyAddresses && {
    notReadyAddresses: subset.notReadyAddresses.sort((a, b) => byText(addressKey(a), addressKey(b))),
  }),
  ...(subset.ports && { ports: subset.ports }),
})

/** The Pods behind the Service, grouped by the ports that they offer. */
export const planSubsets = (service: Service, pods: readonly Pod[]): Subset[] => {
  const publishNotReady = service.spec?.publishNotReadyAddresses === true
  const [family] = familiesOf(service)
  const byPorts = new Map<string, Subset>()
  for (const pod of pods) {
    if (!belongsInEndpoints(pod, publishNotReady)) continue
    const ip = podAddresses(pod, family ?? 'IPv4')[0]
    if (ip === undefined) continue
    const hostname = endpointHostname(pod, service)
    const address: Address = {
      ip,
      ...(hostname === undefined ? {} : { hostname }),
      ...(pod.spec?.nodeName ? { nodeName: pod.spec.nodeName } : {}),
      targetRef: podReference(pod),
    }
    const ports = endpointPortsOf(pod, service)
      .sort((a, b) => byText(JSON.stringify(a), JSON.stringify(b)))
      .map(({ name, ...port }) => (name === '' ? port : { name, ...port }))
    // A Service that has ports, none of which this Pod offers, cannot reach it.
    if (ports.length === 0 && (service.spec?.ports?.length ?? 0) > 0) continue
    const key = JSON.stringify(ports)
    const subset: Subset = byPorts.get(key) ?? (ports.length > 0 ? { ports } : {})
    const list = publishNotReady || isPodReady(pod) ? 'addresses' : 'notReadyAddresses'
    const addresses = subset[list] ?? []
    addresses.push(address)
    subset[list] = addresses
    byPorts.set(key, subset)
  }
  return [...byPorts].sort(([a], [b]) => byText(a, b)).map(([, subset]) => sortSubset(subset))
}

/** Cuts to the capacity, ready addresses first. */
const truncate = (subsets: Subset[]): { subsets: Subset[]; over: boolean } => {
  const count = subsets.reduce((n, s) => n + (s.addresses?.length ?? 0) + (s.notReadyAddresses?.length ?? 0), 0)
  if (count <= maxCapacity) return { subsets, over: false }
  let room = maxCapacity
  const take = <T>(items: T[] | undefined): T[] => {
    const taken = (items ?? []).slice(0, room)
    room -= taken.length
    return taken
  }
  const ready = subsets.map((subset) => take(subset.addresses))
  const notReady = subsets.map((subset) => take(subset.notReadyAddresses))
  const cut = subsets.map((subset, index): Subset => {
    const addresses = ready[index] ?? []
    const notReadyAddresses = notReady[index] ?? []
    return {
      ...(addresses.length > 0 && { addresses }),
      ...(notReadyAddresses.length > 0 && { notReadyAddresses }),
      ...(subset.ports && { ports: subset.ports }),
    }
  })
  return { subsets: cut.filter((subset) => subset.addresses ?? subset.notReadyAddresses), over: true }
}

export type EndpointsPlan =
  | { readonly type: 'none' }
  | { readonly type: 'create'; readonly endpoints: Endpoints }
  | { readonly type: 'update'; readonly endpoints: Endpoints }

/** The write that brings `current` to what the Service and its Pods ask for. */
export const planEndpoints = (
  service: Service,
  pods: readonly Pod[],
  current: Endpoints | undefined,
): EndpointsPlan => {
  const { subsets, over } = truncate(planSubsets(service, pods))
  const labels = { ...inheritedLabels(service), [managedByLabel]: 'endpoint-controller' }
  const { [overCapacityAnnotation]: had, ...others } = current === undefined ? {} : annotationsOf(current)
  const annotations = over ? { ...others, [overCapacityAnnotation]: 'truncated' } : others
  const same =
    current !== undefined &&
    sameStatus(current.subsets, subsets) &&
    semanticEqual(labelsOf(current), labels, 'labels') &&
    (had !== undefined) === over
  if (same) return { type: 'none' }
  const endpoints: Endpoints = {
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata: {
      ...current?.metadata,
      name: nameOf(service),
      namespace: namespaceOf(service),
      labels,
      ...(Object.keys(annotations).length > 0 ? { annotations } : { annotations: undefined }),
    },
    ...(subsets.length > 0 ? { subsets } : {}),
  }
  return { type: current === undefined ? 'create' : 'update', endpoints }
}
