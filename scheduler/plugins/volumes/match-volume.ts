/** Which volume suits a claim on a node. Upstream: component-helpers/storage/volume/pv_helpers.go. */
import { matchesNodeSelector } from '../../../api/core/node-affinity.ts'
import {
  attributesDiffer,
  capacityOf,
  hasAccessModes,
  isReservedFor,
  isTooSmall,
  storageClassOf,
  volumeModesDiffer,
} from '../../../api/core/volume-matching.ts'
import { matcherFromLabelSelector } from '../../../api/meta/labels.ts'
import { compareQuantities } from '../../../api/meta/quantity.ts'
import type { CSINode, Node, PersistentVolume, PersistentVolumeClaim } from '../../../api/types.ts'
import { nodeAffinityOf } from './csi-migration.ts'

/** By the node's labels alone: a volume's node affinity knows no fields. */
export const isReachable = (volume: PersistentVolume, node: Node, csiNode: CSINode | undefined): boolean =>
  matchesNodeSelector(nodeAffinityOf(volume, csiNode), { metadata: { labels: node.metadata?.labels ?? {} } })

const suits = (volume: PersistentVolume, claim: PersistentVolumeClaim): boolean => {
  if (volume.spec?.claimRef !== undefined && !isReservedFor(volume, claim)) return false
  if (isTooSmall(volume, claim) || volumeModesDiffer(volume, claim) || attributesDiffer(volume, claim)) return false
  return volume.metadata?.deletionTimestamp === undefined
}

const isFree = (volume: PersistentVolume, claim: PersistentVolumeClaim): boolean => {
  const selector = claim.spec?.selector
  if (volume.status?.phase !== 'Available' || storageClassOf(volume) !== storageClassOf(claim)) return false
  if (selector !== undefined && !matcherFromLabelSelector(selector)(volume.metadata?.labels)) return false
  return hasAccessModes(volume, claim)
}

/** The volume that is reserved for the claim, or else the smallest that will do; undefined: none on this node. */
export const matchVolume = (
  claim: PersistentVolumeClaim,
  volumes: readonly PersistentVolume[],
  on: { readonly node: Node; readonly taken: ReadonlySet<string> },
): PersistentVolume | undefined => {
  let smallest: PersistentVolume | undefined
  for (const volume of volumes) {
    if (on.taken.has(volume.metadata?.name ?? '') || !suits(volume, claim)) continue
    const reachable = isReachable(volume, on.node, undefined)
    if (isReservedFor(volume, claim)) return reachable ? volume : undefined
    if (!reachable || !isFree(volume, claim)) continue
    if (smallest === undefined || compareQuantities(capacityOf(volume), capacityOf(smallest)) < 0) smallest = volume
  }
  return smallest
}
