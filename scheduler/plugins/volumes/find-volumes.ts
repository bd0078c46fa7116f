/**
 * Whether a Pod's claims can be had on a node, and how: pure decisions over what is known of volumes.
 * Upstream: FindPodVolumes in volumebinding/binder.go.
 */
import { requestedStorage, storageClassOf } from '../../../api/core/volume-matching.ts'
import { matcherFromLabelSelector } from '../../../api/meta/labels.ts'
import { compareQuantities, parseQuantity, quantityValue, type Quantity } from '../../../api/meta/quantity.ts'
import type {
  CSIDriver,
  CSINode,
  CSIStorageCapacity,
  Node,
  PersistentVolume,
  PersistentVolumeClaim,
  StorageClass,
} from '../../../api/types.ts'
import { isReachable, matchVolume } from './match-volume.ts'

export const selectedNode = 'volume.kubernetes.io/selected-node'
const noProvisioner = 'kubernetes.io/no-provisioner'

/** The claims of a Pod that come into question, by what is to be done for them. */
export interface SortedClaims {
  readonly bound: readonly PersistentVolumeClaim[]
  /** Wait for their first consumer's node. */
  readonly delayed: readonly PersistentVolumeClaim[]
}

/** What binding to a node takes. */
export interface PodVolumes {
  readonly bindings: readonly { readonly claim: PersistentVolumeClaim; readonly volume: PersistentVolume }[]
  readonly provisions: readonly PersistentVolumeClaim[]
}

export interface VolumeSources {
  readonly volume: (name: string) => PersistentVolume | undefined
  readonly volumesOfClass: (name: string) => readonly PersistentVolume[]
  readonly storageClass: (name: string) => StorageClass | undefined
  readonly csiNode: (name: string) => CSINode | undefined
  readonly csiDriver: (name: string) => CSIDriver | undefined
  readonly capacities: () => readonly CSIStorageCapacity[]
}

export type FoundVolumes = { readonly volumes: PodVolumes } | { readonly reasons: readonly string[] }

const nodeConflict = "node(s) didn't match PersistentVolume's node affinity"
const bindConflict = "node(s) didn't find available persistent volumes to bind"
const noSpace = 'node(s) did not have enough free storage'
const volumeGone = 'node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)'

/** The first thing that is wrong with the volumes of bound claims. */
const checkBound = (
  claims: readonly PersistentVolumeClaim[],
  node: Node,
  sources: VolumeSources,
): string | undefined => {
  const csiNode = sources.csiNode(node.metadata?.name ?? '')
  for (const { spec } of claims) {
    const volume = sources.volume(spec?.volumeName ?? '')
    if (volume === undefined) return volumeGone
    if (!isReachable(volume, node, csiNode)) return nodeConflict
  }
  return undefined
}

/** One of the terms holds, of which every expression does; no terms allow every node. */
export const matchesTopology = ({ allowedTopologies }: StorageClass, node: Node): boolean => {
  if (allowedTopologies === undefined || allowedTopologies.length === 0) return true
  const labels = node.metadata?.labels ?? {}
  return allowedTopologies.some(({ matchLabelExpressions = [] }) =>
    matchLabelExpressions.every(({ key, values }) => values.includes(labels[key] ?? '')),
  )
}

/** How big a volume can be made at most. */
export const volumeLimit = ({ maximumVolumeSize, capacity }: CSIStorageCapacity): Quantity | undefined => {
  const limit = maximumVolumeSize ?? capacity
  return limit === undefined ? undefined : parseQuantity(limit)
}

/** Only drivers that publish their capacity are asked for it. */
const hasCapacity = (
  claim: PersistentVolumeClaim,
  storageClass: StorageClass,
  { node, sources }: { node: Node; sources: VolumeSources },
): boolean => {
  if (claim.spec?.resources?.requests?.['storage'] === undefined) return true
  if (sources.csiDriver(storageClass.provisioner)?.spec?.storageCapacity !== true) return true
  const size = quantityValue(requestedStorage(claim))
  return sources.capacities().some((capacity) => {
    if (capacity.storageClassName !== storageClass.metadata?.name || capacity.nodeTopology === undefined) return false
    const limit = volumeLimit(capacity)
    if (limit === undefined || quantityValue(limit) < size) return false
    return matcherFromLabelSelector(capacity.nodeTopology)(node.metadata?.labels)
  })
}

/** Why volumes cannot be made for the claims. Throws for a claim without a class: nobody could make its volume. */
const checkProvisions = (
  claims: readonly PersistentVolumeClaim[],
  node: Node,
  sources: VolumeSources,
): string | undefined => {
  for (const claim of claims) {
    const { namespace, name } = claim.metadata ?? {}
    const className = storageClassOf(claim)
    if (className === '') throw new Error(`no class for claim "${namespace}/${name}"`)
    const storageClass = sources.storageClass(className)
    if (storageClass === undefined) throw new Error(`failed to find storage class "${className}"`)
    const { provisioner } = storageClass
    if (provisioner === '' || provisioner === noProvisioner) return bindConflict
    if (!matchesTopology(storageClass, node)) return bindConflict
    if (!hasCapacity(claim, storageClass, { node, sources })) return noSpace
  }
  return undefined
}

const bySize = (a: PersistentVolumeClaim, b: PersistentVolumeClaim): number =>
  compareQuantities(requestedStorage(a), requestedStorage(b))

interface Matched {
  readonly bindings: PodVolumes['bindings']
  readonly unmatched: readonly PersistentVolumeClaim[]
}

/** Small claims first, so that they take the small volumes. */
const matchClaims = (claims: readonly PersistentVolumeClaim[], node: Node, sources: VolumeSources): Matched => {
  const taken = new Set<string>()
  const bindings: { claim: PersistentVolumeClaim; volume: PersistentVolume }[] = []
  const unmatched: PersistentVolumeClaim[] = []
  for (const claim of claims.toSorted(bySize)) {
    const volume = matchVolume(claim, sources.volumesOfClass(storageClassOf(claim)), { node, taken })
    if (volume === undefined) {
      unmatched.push(claim)
      continue
    }
    taken.add(volume.metadata?.name ?? '')
    bindings.push({ claim, volume })
  }
  return { bindings, unmatched }
}

export const findVolumes = ({ bound, delayed }: SortedClaims, node: Node, sources: VolumeSources): FoundVolumes => {
  const boundReason = checkBound(bound, node, sources)
  const nodeName = node.metadata?.name ?? ''
  const selections = delayed.map(({ metadata }) => metadata?.annotations?.[selectedNode])
  const isSelectedElsewhere = selections.some((name) => name !== undefined && name !== nodeName)
  // Bound reasons come before those of unbound claims, unless the volume itself is gone.
  const together = (reason: string | undefined): readonly string[] => {
    const reasons = [boundReason, reason].filter((one) => one !== undefined)
    return boundReason === volumeGone ? reasons.toReversed() : reasons
  }
  if (isSelectedElsewhere) return { reasons: together(bindConflict) }
  const selected = delayed.filter((_, index) => selections[index] !== undefined)
  const { bindings, unmatched } = matchClaims(
    delayed.filter((_, index) => selections[index] === undefined),
    node,
    sources,
  )
  const provisions = [...selected, ...unmatched]
  const reasons = together(checkProvisions(provisions, node, sources))
  return reasons.length > 0 ? { reasons } : { volumes: { bindings, provisions } }
}
