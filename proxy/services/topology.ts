/** Which endpoints a node uses: traffic policies, topology hints, and those that end while nothing better is there. Pure. */
import type { Endpoint } from './endpoints.ts'

/** Where the node is that asks. */
export interface Place {
  readonly nodeName: string
  /** Its label topology.kubernetes.io/zone; '' is none. */
  readonly zone: string
}

/** Which policies a Service's traffic meets. */
export interface PolicyUse {
  readonly usesCluster: boolean
  readonly usesLocal: boolean
}

export interface Categories {
  /** For traffic that may leave the node. */
  readonly clusterEndpoints: readonly Endpoint[]
  /** For traffic that must stay on it. */
  readonly localEndpoints: readonly Endpoint[]
  /** Some node has an endpoint: what finds none here is dropped, not refused. */
  readonly hasEndpoints: boolean
}

/** Endpoints that are asked to end, and still answer. */
const isLastResort = ({ isServing, isTerminating }: Endpoint): boolean => isServing && isTerminating

/** Ready endpoints; if there is none, those that answer while they end. */
const usable = (endpoints: readonly Endpoint[]): readonly Endpoint[] => {
  const ready = endpoints.filter(({ isReady }) => isReady)
  return ready.length > 0 ? ready : endpoints.filter(isLastResort)
}

/** Hints count if every ready endpoint has one, and one of them is for this place; otherwise all endpoints are as good. */
const hinted = (ready: readonly Endpoint[], hints: 'nodeHints' | 'zoneHints', here: string): readonly Endpoint[] => {
  if (ready.some((endpoint) => endpoint[hints].length === 0)) return []
  return ready.filter((endpoint) => endpoint[hints].includes(here))
}

const nearest = (endpoints: readonly Endpoint[], { nodeName, zone }: Place): readonly Endpoint[] => {
  const ready = endpoints.filter(({ isReady }) => isReady)
  if (ready.length === 0) return usable(endpoints)
  const onNode = hinted(ready, 'nodeHints', nodeName)
  if (onNode.length > 0) return onNode
  const inZone = hinted(ready, 'zoneHints', zone)
  return inZone.length > 0 ? inZone : ready
}

/** Upstream: CategorizeEndpoints. */
export const categorize = (endpoints: readonly Endpoint[], use: PolicyUse, place: Place): Categories => ({
  clusterEndpoints: use.usesCluster ? nearest(endpoints, place) : [],
  localEndpoints: use.usesLocal ? usable(endpoints.filter(({ isLocal }) => isLocal)) : [],
  hasEndpoints: usable(endpoints).length > 0,
})
