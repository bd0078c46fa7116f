/** Which volume suits a claim on a node. Upstream: component-helpers/storage/volume/pv_helpers.go. */
import { matchesNodeSelector } from '../../../api/core/node-affinity.ts'
import { matcherFromLabelSelector } from '../../../api/meta/labels.ts'
import { compareQuantities, parseQuantity, type Quantity, zeroQuantity } from '../../../api/meta/quantity.ts'
import type { CSINode, Node, PersistentVolume, PersistentVolumeClaim } from '../../../api/types.ts'
import { nodeAffinityOf } from './csi-migration.ts'
import { claimClass, volumeClass } from './pod-claims.ts'

const quantityOf = (text: string | undefined): Quantity => (text === undefined ? zeroQuantity : parseQuantity(text))

export const requestedStorage = ({ spec }: PersistentVolumeClaim): Quantity =>
  quantityOf(spec?.resources?.requests?.['storage'])

const capacityOf = ({ spec }: PersistentVolume): Quantity => quantityOf(spec?.capacity?.['storage'])

/** Reserved for, or bound to, this claim; a reservation without uid is for any claim of the name. */
export const isReservedFor = (volume: PersistentVolume, claim: PersistentVolumeClaim): boolean => {
  const reference = volume.spec?.claimRef
  if (reference === undefined) return false
  const { name, namespace, uid } = claim.metadata ?? {}
  if (reference.name !== name || reference.namespace !== namespace) return false
  return (reference.uid ?? '') === '' || reference.uid === uid
}

/** By the node's labels alone: a volume's node affinity knows no fields. */
export const isReachable = (volume: PersistentVolume, node: Node, csiNode: CSINode | undefined): boolean =>
  matchesNodeSelector(nodeAffinityOf(volume, csiNode), { metadata: { labels: node.metadata?.labels ?? {} } })

const suits = (volume: PersistentVolume, claim: PersistentVolumeClaim): boolean => {
  const [wanted, has] = [claim.spec ?? {}, volume.spec ?? {}]
  if (has.claimRef !== undefined && !isReservedFor(volume, claim)) return false
  if (compareQuantities(capacityOf(volume), requestedStorage(claim)) < 0) return false
  if ((wanted.volumeMode ?? 'Filesystem') !== (has.volumeMode ?? 'Filesystem')) return false
  if ((wanted.volumeAttributesClassName ?? '') !== (has.volumeAttributesClassName ?? '')) return false
  return volume.metadata?.deletionTimestamp === undefined
}

const isFree = (volume: PersistentVolume, claim: PersistentVolumeClaim): boolean => {
  const { spec } = claim
  if (volume.status?.phase !== 'Available' || volumeClass(volume) !== claimClass(claim)) return false
  if (spec?.selector !== undefined && !matcherFromLabelSelector(spec.selector)(volume.metadata?.labels)) return false
  return (spec?.accessModes ?? []).every((mode) => volume.spec?.accessModes?.includes(mode) === true)
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
