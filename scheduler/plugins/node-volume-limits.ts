import { storageClassOf } from '../../api/core/volume-matching.ts'
import {
  csiNodes,
  persistentVolumeClaims,
  persistentVolumes,
  storageClasses,
  volumeAttachments,
} from '../../api/resources.ts'
import type { CSINode, PersistentVolumeClaim, Pod, VolumeAttachment } from '../../api/types.ts'
import type { QueueingHint } from '../framework/events.ts'
import type { LiveNodeInfo } from '../framework/node-info.ts'
import type { Plugin, PluginFactory } from '../framework/plugin.ts'
import { type Rejection, skip, unresolvable, unschedulable } from '../framework/status.ts'
import {
  csiVolumeOf,
  type CsiVolume,
  inlineCsiVolume,
  isMigratable,
  provisioningDriver,
} from './volumes/csi-migration.ts'
import { claimHint, foreignClaim, podClaims } from './volumes/pod-claims.ts'

const exceeded = unschedulable('node(s) exceed max volume count')

/** Drivers by the unique names of volumes. */
type Volumes = Map<string, string>

const add = (volumes: Volumes, { driver, handle }: CsiVolume): void => {
  volumes.set(`${driver}/${handle}`, driver)
}

const mayAttach = (pod: Pod): boolean =>
  (pod.spec?.volumes ?? []).some(
    (volume) => volume.persistentVolumeClaim !== undefined || volume.ephemeral !== undefined || isMigratable(volume),
  )

const limitsOf = (csiNode: CSINode | undefined): ReadonlyMap<string, number> =>
  new Map(
    (csiNode?.spec?.drivers ?? []).flatMap(({ name, allocatable }): [string, number][] =>
      allocatable?.count === undefined ? [] : [[name, allocatable.count]],
    ),
  )

const countByDriver = (volumes: Volumes): Map<string, number> => {
  const counts = new Map<string, number>()
  for (const driver of volumes.values()) counts.set(driver, (counts.get(driver) ?? 0) + 1)
  return counts
}

const afterPodDeleted: QueueingHint = (_pod, { old }) => (mayAttach(old as Pod) ? 'Queue' : 'Skip')

const afterCsiNodeChange: QueueingHint = (_pod, { old, current }) => {
  const [before, now] = [limitsOf(old as CSINode), limitsOf(current as CSINode)]
  const isMore = [...before].some(([driver, limit]) => (now.get(driver) ?? Infinity) > limit)
  return isMore ? 'Queue' : 'Skip'
}

const nodeIndex = 'node'

/** A node attaches only so many volumes of each CSI driver: CSINode says how many. */
export const nodeVolumeLimits: PluginFactory = (_args, { informers }): Plugin<undefined> => {
  const claims = informers.for(persistentVolumeClaims).lister
  const volumes = informers.for(persistentVolumes).lister
  const classes = informers.for(storageClasses).lister
  const nodes = informers.for(csiNodes).lister
  const attachments = informers.for(volumeAttachments, {
    indexers: { [nodeIndex]: ({ spec }) => [spec?.nodeName ?? ''] },
  }).lister

  /** What a claim will be, where it has no volume yet: one of its own, of its class's driver. */
  const fromClass = (claim: PersistentVolumeClaim, csiNode: CSINode | undefined): CsiVolume | undefined => {
    const storageClass = classes.get(storageClassOf(claim))
    const driver = storageClass && provisioningDriver(storageClass.provisioner, csiNode)
    if (driver === undefined) return undefined
    const { namespace, name } = claim.metadata ?? {}
    return { driver, handle: `unbound claim ${namespace}/${name}` }
  }

  const volumeOfClaim = (claim: PersistentVolumeClaim, csiNode: CSINode | undefined): CsiVolume | undefined => {
    const volume = volumes.get(claim.spec?.volumeName ?? '')
    return volume === undefined ? fromClass(claim, csiNode) : csiVolumeOf(volume, csiNode)
  }

  /** Throws where an ephemeral claim is somebody else's: whoever makes it again must be waited for. */
  const collect = (pod: Pod, csiNode: CSINode | undefined, into: Volumes): Rejection | undefined => {
    for (const volume of pod.spec?.volumes ?? []) {
      const inline = inlineCsiVolume(volume, csiNode)
      if (inline !== undefined) add(into, inline)
    }
    let missing: Rejection | undefined
    for (const { key, name, isEphemeral } of podClaims(pod)) {
      const claim = claims.get(key)
      if (claim === undefined) {
        missing ??= unresolvable(`looking up PVC ${key}: persistentvolumeclaim "${name}" not found`)
        continue
      }
      const foreign = isEphemeral ? foreignClaim(pod, claim) : undefined
      if (foreign !== undefined) throw new Error(foreign)
      const found = volumeOfClaim(claim, csiNode)
      if (found !== undefined) add(into, found)
    }
    return missing
  }

  /** Volumes that the node has, by its Pods and by attachments that outlive theirs. */
  const attachedTo = (info: LiveNodeInfo, csiNode: CSINode | undefined): Volumes => {
    const attached: Volumes = new Map()
    for (const pod of info.pods.values()) collect(pod, csiNode, attached)
    for (const { spec } of attachments.byIndex(nodeIndex, info.name)) {
      const volume = volumes.get(spec?.source.persistentVolumeName ?? '')
      const csi = volume && csiVolumeOf(volume, csiNode)
      if (csi !== undefined) add(attached, csi)
    }
    return attached
  }

  const afterAttachmentDeleted: QueueingHint = (pod, { old }) => {
    const wanted: Volumes = new Map()
    collect(pod, undefined, wanted)
    const attacher = (old as VolumeAttachment).spec?.attacher ?? ''
    return [...wanted.values()].includes(attacher) ? 'Queue' : 'Skip'
  }

  return {
    name: 'NodeVolumeLimits',
    eventsToRegister: [
      { resource: 'storage.k8s.io/CSINode', actions: ['Add'] },
      { resource: 'storage.k8s.io/CSINode', actions: ['Update'], hint: afterCsiNodeChange },
      { resource: 'AssignedPod', actions: ['Delete'], hint: afterPodDeleted },
      { resource: 'PersistentVolumeClaim', actions: ['Add'], hint: claimHint },
      { resource: 'storage.k8s.io/VolumeAttachment', actions: ['Delete'], hint: afterAttachmentDeleted },
    ],
    preFilter: (pod) => (mayAttach(pod) ? { code: 'Success', state: undefined } : skip),
    filter: (pod, info) => {
      const csiNode = nodes.get(info.name)
      const wanted: Volumes = new Map()
      const missing = collect(pod, csiNode, wanted)
      if (missing !== undefined) return missing
      const limits = limitsOf(csiNode)
      if (wanted.size === 0 || limits.size === 0) return undefined
      const attached = attachedTo(info, csiNode)
      for (const name of attached.keys()) wanted.delete(name)
      const used = countByDriver(attached)
      for (const [driver, count] of countByDriver(wanted)) {
        if ((used.get(driver) ?? 0) + count > (limits.get(driver) ?? Infinity)) return exceeded
      }
      return undefined
    },
  }
}
