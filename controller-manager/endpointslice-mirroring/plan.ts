/** EndpointSlices of hand-made Endpoints. Upstream: pkg/controller/endpointslicemirroring. */
import { newControllerRef } from '../../api/meta/owners.ts'
import type { Endpoints, EndpointSlice } from '../../api/types.ts'
import { annotationsOf, labelsOf, nameOf, namespaceOf } from '../objects.ts'
import { semanticEqual } from '../semantic-equal.ts'

export const mirroredBy = 'endpointslicemirroring-controller.k8s.io'
export const managedByLabel = 'endpointslice.kubernetes.io/managed-by'
export const serviceNameLabel = 'kubernetes.io/service-name'
const skipLabel = 'endpointslice.kubernetes.io/skip-mirror'
const leaderAnnotation = 'control-plane.alpha.kubernetes.io/leader'
const triggerAnnotation = 'endpoints.kubernetes.io/last-change-trigger-time'
const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration'

type Subset = NonNullable<Endpoints['subsets']>[number]
type Endpoint = NonNullable<EndpointSlice['endpoints']>[number]

/** False for Endpoints that are locks of leader elections, or that ask to be left out. */
export const shouldMirror = (endpoints: Endpoints): boolean =>
  labelsOf(endpoints)[skipLabel] !== 'true' && annotationsOf(endpoints)[leaderAnnotation] === undefined

const endpointOf = (address: NonNullable<Subset['addresses']>[number], ready: boolean): Endpoint => ({
  addresses: [address.ip],
  conditions: { ready },
  ...(address.hostname ? { hostname: address.hostname } : {}),
  ...(address.nodeName ? { nodeName: address.nodeName } : {}),
  ...(address.targetRef ? { targetRef: address.targetRef } : {}),
})

const metadataOf = (endpoints: Endpoints): NonNullable<EndpointSlice['metadata']> => {
  const { [triggerAnnotation]: _trigger, [lastApplied]: _applied, ...annotations } = annotationsOf(endpoints)
  return {
    labels: { ...labelsOf(endpoints), [serviceNameLabel]: nameOf(endpoints), [managedByLabel]: mirroredBy },
    ...(Object.keys(annotations).length > 0 ? { annotations } : {}),
    ownerReferences: [newControllerRef(endpoints, { group: '', version: 'v1', kind: 'Endpoints' })],
  }
}

/** The slices that mirror the Endpoints: one a subset and address family. */
export const mirrorSlices = (endpoints: Endpoints, maxPerSubset: number): EndpointSlice[] =>
  (endpoints.subsets ?? []).flatMap((subset) =>
    (['IPv4', 'IPv6'] as const).flatMap((family) => {
      const ofFamily = ({ ip }: { ip: string }): boolean => ip.includes(':') === (family === 'IPv6')
      const list = [
        ...(subset.addresses ?? []).filter(ofFamily).map((address) => endpointOf(address, true)),
        ...(subset.notReadyAddresses ?? []).filter(ofFamily).map((address) => endpointOf(address, false)),
      ].slice(0, maxPerSubset)
      if (list.length === 0) return []
      const ports = (subset.ports ?? []).map(({ name, port, protocol, appProtocol }) => ({
        name: name ?? '',
        port,
        protocol: protocol ?? 'TCP',
        ...(appProtocol ? { appProtocol } : {}),
      }))
      return [
        {
          apiVersion: 'discovery.k8s.io/v1',
          kind: 'EndpointSlice',
          metadata: {
            ...metadataOf(endpoints),
            generateName: `${nameOf(endpoints)}-`,
            namespace: namespaceOf(endpoints),
          },
          addressType: family,
          endpoints: list,
          ports,
        },
      ]
    }),
  )

export interface MirrorPlan {
  readonly create: readonly EndpointSlice[]
  readonly update: readonly EndpointSlice[]
  readonly delete: readonly EndpointSlice[]
}

/** Writes that make `existing` the wanted slices; slices are kept by their place in the list of their family. */
export const planMirror = (wanted: readonly EndpointSlice[], existing: readonly EndpointSlice[]): MirrorPlan => {
  const plan = { create: [] as EndpointSlice[], update: [] as EndpointSlice[], delete: [] as EndpointSlice[] }
  for (const family of ['IPv4', 'IPv6']) {
    const have = existing.filter((slice) => slice.addressType === family)
    for (const slice of wanted.filter(({ addressType }) => addressType === family)) {
      const current = have.shift()
      if (current === undefined) {
        plan.create.push(slice)
        continue
      }
      const same =
        semanticEqual(current.endpoints, slice.endpoints) &&
        semanticEqual(current.ports, slice.ports) &&
        semanticEqual(labelsOf(current), labelsOf(slice), 'labels') &&
        semanticEqual(annotationsOf(current), annotationsOf(slice), 'annotations')
      if (same) continue
      const { generateName: _generateName, ...metadata } = slice.metadata ?? {}
      plan.update.push({ ...slice, metadata: { ...current.metadata, annotations: {}, ...metadata } })
    }
    plan.delete.push(...have)
  }
  return plan
}
