/** Puts on endpoints for whom they are meant. Upstream: k8s.io/endpointslice/trafficdist, topologycache. */
import type { EndpointSlice, Service } from '../../api/types.ts'
import type { AddressFamily } from '../service-endpoints.ts'
import { type Endpoint, type EndpointGroup, endpointKey } from './desired.ts'
import { planTopologyHints, wantsTopologyHints } from './topology-hints.ts'

type Hints = NonNullable<Endpoint['hints']>

/** What `trafficDistribution` asks for: the endpoint's own zone, and its own Node. */
export const distributionHints = (endpoint: Endpoint, distribution: string | undefined): Hints | undefined => {
  if (endpoint.conditions?.ready !== true) return undefined
  if (distribution !== 'PreferClose' && distribution !== 'PreferSameZone' && distribution !== 'PreferSameNode') {
    return undefined
  }
  const forZones = endpoint.zone === undefined ? undefined : [{ name: endpoint.zone }]
  const forNodes =
    endpoint.nodeName === undefined || distribution !== 'PreferSameNode' ? undefined : [{ name: endpoint.nodeName }]
  if (forZones === undefined && forNodes === undefined) return undefined
  return { ...(forZones && { forZones }), ...(forNodes && { forNodes }) }
}

const withHints = (
  groups: readonly EndpointGroup[],
  hintsOf: (endpoint: Endpoint) => Hints | undefined,
): EndpointGroup[] =>
  groups.map((group) => {
    const endpoints = [...group.endpoints].map(([key, endpoint]): [string, Endpoint] => {
      const hints = hintsOf(endpoint)
      return [key, hints === undefined ? endpoint : { ...endpoint, hints }]
    })
    return { ...group, endpoints: new Map(endpoints) }
  })

export interface HintedGroups {
  readonly groups: EndpointGroup[]
  /** Families that have hints by the topology of Nodes. */
  readonly hinted: readonly AddressFamily[]
  /** Why families that should have such hints have none, as Events tell it. */
  readonly disabled: readonly string[]
}

/** The groups with the hints that their Service asks for; the annotation for topology goes before trafficDistribution. */
export const addHints = (
  service: Service,
  groups: readonly EndpointGroup[],
  existing: readonly EndpointSlice[],
  shares: ReadonlyMap<string, number> | undefined,
): HintedGroups => {
  if (!wantsTopologyHints(service)) {
    const distribution = service.spec?.trafficDistribution
    return {
      groups: withHints(groups, (endpoint) => distributionHints(endpoint, distribution)),
      hinted: [],
      disabled: [],
    }
  }
  const before = new Map(
    existing.flatMap((slice) => slice.endpoints ?? []).map((one) => [endpointKey(one), one.hints?.forZones?.[0]?.name]),
  )
  const result: EndpointGroup[] = []
  const hinted: AddressFamily[] = []
  const disabled: string[] = []
  for (const family of new Set(groups.map((group) => group.family))) {
    const own = groups.filter((group) => group.family === family)
    const endpoints = own.flatMap((group) => [...group.endpoints.values()])
    const plan = planTopologyHints(
      endpoints,
      endpoints.map((endpoint) => before.get(endpointKey(endpoint))),
      shares,
    )
    if (plan.type === 'disabled') {
      disabled.push(`${plan.message}, addressType: ${family}`)
      result.push(...own)
      continue
    }
    hinted.push(family)
    const zoneOf = new Map(endpoints.map((endpoint, index) => [endpoint, plan.zones[index]]))
    result.push(
      ...withHints(own, (endpoint) => {
        const zone = zoneOf.get(endpoint)
        return zone === undefined ? undefined : { forZones: [{ name: zone }] }
      }),
    )
  }
  return { groups: result, hinted, disabled }
}
