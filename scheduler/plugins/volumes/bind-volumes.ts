/**
 * Makes the API server know what was decided of a Pod's volumes, and waits until their controllers have done it.
 * Upstream: BindPodVolumes in volumebinding/binder.go.
 */
import { isReservedFor } from '../../../api/core/volume-matching.ts'
import { persistentVolumeClaims, persistentVolumes } from '../../../api/resources.ts'
import type { CSINode, Node, PersistentVolume, PersistentVolumeClaim, Pod } from '../../../api/types.ts'
import { objectKey } from '../../../client/cache/store.ts'
import type { RestClient } from '../../../client/rest/rest-client.ts'
import { isOlder } from './assume-cache.ts'
import { type PodVolumes, selectedNode } from './find-volumes.ts'
import { isReachable } from './match-volume.ts'
import { isFullyBound } from './pod-claims.ts'

const boundByController = 'pv.kubernetes.io/bound-by-controller'

/** The volume with a reservation for the claim; the same object if it has one already. */
export const reserveVolume = (volume: PersistentVolume, claim: PersistentVolumeClaim): PersistentVolume => {
  const { name = '', namespace = '', uid = '', resourceVersion = '' } = claim.metadata ?? {}
  const reference = volume.spec?.claimRef
  const isComplete = reference?.name === name && reference.namespace === namespace && reference.uid === uid
  const wasReserved = isReservedFor(volume, claim)
  const annotations = volume.metadata?.annotations ?? {}
  const isMarked = wasReserved || annotations[boundByController] !== undefined
  if (isComplete && isMarked) return volume
  const claimRef = { kind: 'PersistentVolumeClaim', apiVersion: 'v1', name, namespace, uid, resourceVersion }
  return {
    ...volume,
    metadata: {
      ...volume.metadata,
      annotations: isMarked ? annotations : { ...annotations, [boundByController]: 'yes' },
    },
    spec: { ...volume.spec, claimRef: isComplete ? reference : claimRef },
  }
}

/** The claim with the node for which its volume is to be made. */
export const selectNode = (claim: PersistentVolumeClaim, nodeName: string): PersistentVolumeClaim => ({
  ...claim,
  metadata: { ...claim.metadata, annotations: { ...claim.metadata?.annotations, [selectedNode]: nodeName } },
})

/** Writes all reservations and selections; resolves with the objects as the API server has them. */
export const writeVolumes = async (client: RestClient, { bindings, provisions }: PodVolumes): Promise<PodVolumes> => {
  const written: { claim: PersistentVolumeClaim; volume: PersistentVolume }[] = []
  for (const { claim, volume } of bindings) {
    written.push({ claim, volume: await client.update(persistentVolumes, volume) })
  }
  const selected: PersistentVolumeClaim[] = []
  for (const claim of provisions) selected.push(await client.update(persistentVolumeClaims, claim))
  return { bindings: written, provisions: selected }
}

/** What the informers have seen of the objects that binding is about. */
export interface Seen {
  readonly pod: (key: string) => Pod | undefined
  readonly node: (name: string) => Node | undefined
  readonly csiNode: (name: string) => CSINode | undefined
  readonly volume: (name: string) => PersistentVolume | undefined
  readonly claim: (key: string) => PersistentVolumeClaim | undefined
}

const checkReachable = (volume: PersistentVolume, node: Node, seen: Seen): void => {
  const nodeName = node.metadata?.name ?? ''
  if (isReachable(volume, node, seen.csiNode(nodeName))) return
  const reason = 'no matching NodeSelectorTerms'
  throw new Error(`pv "${volume.metadata?.name}" node affinity doesn't match node "${nodeName}": ${reason}`)
}

const isBindingDone = ({ claim, volume }: PodVolumes['bindings'][number], node: Node, seen: Seen): boolean => {
  const name = volume.metadata?.name ?? ''
  const current = seen.volume(name)
  if (current === undefined) throw new Error(`failed to check binding: could not find v1.PersistentVolume "${name}"`)
  const key = objectKey(claim)
  const currentClaim = seen.claim(key)
  if (currentClaim === undefined)
    throw new Error(`failed to check binding: could not find v1.PersistentVolumeClaim "${key}"`)
  if (isOlder(current, volume)) return false
  checkReachable(current, node, seen)
  if ((current.spec?.claimRef?.uid ?? '') === '') throw new Error(`ClaimRef got reset for pv "${name}"`)
  return isFullyBound(currentClaim)
}

const isProvisionDone = (claim: PersistentVolumeClaim, node: Node, seen: Seen): boolean => {
  const key = objectKey(claim)
  const current = seen.claim(key)
  if (current === undefined) {
    throw new Error(`failed to check provisioning pvc: could not find v1.PersistentVolumeClaim "${key}"`)
  }
  if (isOlder(current, claim)) return false
  const { name, annotations } = current.metadata ?? {}
  if (annotations === undefined) throw new Error(`selectedNode annotation reset for PVC "${name}"`)
  // A provisioner that cannot make the volume there takes the selection back: another node must be found.
  if (annotations[selectedNode] !== node.metadata?.name) throw new Error(`provisioning failed for PVC "${name}"`)
  const volumeName = current.spec?.volumeName ?? ''
  if (volumeName === '') return false
  const volume = seen.volume(volumeName)
  if (volume === undefined) return false
  checkReachable(volume, node, seen)
  return isFullyBound(current)
}

/** Whether all is bound. Throws if it will not be: the Pod is to be scheduled again. */
export const areVolumesBound = (
  pod: Pod,
  { bindings, provisions }: PodVolumes,
  { nodeName, seen }: { nodeName: string; seen: Seen },
): boolean => {
  const node = seen.node(nodeName)
  if (node === undefined) throw new Error(`failed to get node "${nodeName}": node "${nodeName}" not found`)
  const key = objectKey(pod)
  if (seen.pod(key) === undefined) {
    throw new Error(`pod does not exist any more: pod "${pod.metadata?.name}" not found`)
  }
  return (
    bindings.every((binding) => isBindingDone(binding, node, seen)) &&
    provisions.every((claim) => isProvisionDone(claim, node, seen))
  )
}
