/** What a proxy follows in the API: Services with their EndpointSlices, ServiceCIDRs, and Nodes. */
import {
  endpointSlices as endpointSlicesRef,
  nodes as nodesRef,
  serviceCIDRs as serviceCIDRsRef,
  services as servicesRef,
} from '../api/resources.ts'
import type { EndpointSlice, Node, Service, ServiceCIDR } from '../api/types.ts'
import type { Informer, InformerFactory } from '../client/cache/informer.ts'
import type { ProxyMetrics } from './metrics.ts'

const serviceLabel = 'kubernetes.io/service-name'
const triggerAnnotation = 'endpoints.kubernetes.io/last-change-trigger-time'

/** `namespace/name` of the Service that a slice belongs to. */
export const serviceKeyOf = (slice: EndpointSlice): string =>
  `${slice.metadata?.namespace}/${slice.metadata?.labels?.[serviceLabel] ?? ''}`

export interface ServiceChange {
  readonly key: string
  readonly what: 'service' | 'endpoints'
  /** When the endpoints changed, in milliseconds since the epoch, if they did after our start. */
  readonly triggeredAt: number | undefined
}

/** Calls `changed` with every Service that changes, itself or by its endpoints. */
export const watchServices = (
  informers: InformerFactory,
  metrics: Pick<ProxyMetrics, 'serviceChanges' | 'endpointChanges'>,
  changed: (change: ServiceChange) => void,
): void => {
  const startedAt = Date.now()
  const onService = (service: Service): void => {
    metrics.serviceChanges.inc()
    const key = `${service.metadata?.namespace}/${service.metadata?.name}`
    changed({ key, what: 'service', triggeredAt: undefined })
  }
  const onSlice = (slice: EndpointSlice): void => {
    metrics.endpointChanges.inc()
    const at = Date.parse(slice.metadata?.annotations?.[triggerAnnotation] ?? '')
    changed({ key: serviceKeyOf(slice), what: 'endpoints', triggeredAt: at > startedAt ? at : undefined })
  }
  informers
    .for(servicesRef)
    .addHandler({ onAdd: onService, onUpdate: (_, next) => onService(next), onDelete: onService })
  informers.for(endpointSlicesRef).addHandler({
    onAdd: onSlice,
    onUpdate: (old, next) => {
      // A slice may be given to another Service.
      if (serviceKeyOf(old) !== serviceKeyOf(next)) onSlice(old)
      onSlice(next)
    },
    onDelete: onSlice,
  })
}

/** What of a Node a proxy goes by: a heartbeat is no change. */
const viewOf = ({ metadata, spec, status }: Node): string =>
  JSON.stringify([spec?.podCIDRs, spec?.taints, status?.addresses, metadata?.labels, metadata?.deletionTimestamp])

/** Calls `changed` with every Node that came, went, or changed in what matters here. */
export const watchNodes = (informers: InformerFactory, changed: (node: Node) => void): Informer<Node> => {
  const nodes = informers.for(nodesRef)
  nodes.addHandler({
    onAdd: changed,
    onUpdate: (old, node) => {
      if (viewOf(old) !== viewOf(node)) changed(node)
    },
    onDelete: changed,
  })
  return nodes
}

/** Ranges of Services, as they are now. */
export const rangesOf = (objects: readonly ServiceCIDR[]): string[] =>
  [...new Set(objects.flatMap(({ spec }) => spec?.cidrs ?? []))].toSorted()

export { endpointSlicesRef, serviceCIDRsRef, servicesRef }
