/**
 * Has volumes attached to the Nodes whose Pods need them, and detached from the others. The attaching itself is done
 * by the CSI driver's external-attacher, which is asked by a VolumeAttachment; kubelets wait for `volumesAttached`.
 *
 * A Node is reconciled as a whole: wanted volumes come from its Pods, what is there from its VolumeAttachments, so a
 * restart needs nothing but the API. Guarantee: a volume leaves `volumesAttached` before its detaching begins.
 * Upstream: pkg/controller/volume/attachdetach.
 */
import { isReason } from '../../api/meta/status-error.ts'
import { csiDrivers, nodes, persistentVolumeClaims, persistentVolumes, volumeAttachments } from '../../api/resources.ts'
import type { Node, PersistentVolume, Pod, VolumeAttachment } from '../../api/types.ts'
import type { Controller } from '../context.ts'
import { podInformer, podsOnNode } from '../indexes.ts'
import { annotationsOf, keyOf, nameOf, namespaceOf } from '../objects.ts'
import { OwnWrites } from '../own-writes.ts'
import { boundClaimKey, claimKeysOf, indexClaims, podsOfClaim } from '../pod-volumes.ts'
import { semanticEqual } from '../semantic-equal.ts'
import { all } from '../slow-start.ts'
import { onAnyChange, queueOf, workersOf } from '../wiring.ts'
import { type Attachment, planNode } from './plan.ts'
import {
  attachableOf,
  attachmentFor,
  attachmentName,
  type VolumeSources,
  type WantedVolume,
  wantedVolumes,
} from './volumes.ts'

const name = 'persistentvolume-attach-detach-controller'
const concurrency = 10
const managedAnnotation = 'volumes.kubernetes.io/controller-managed-attach-detach'
const attachmentNodeIndex = 'attachmentNode'
const attachmentVolumeIndex = 'attachmentVolume'

/** Facts of a Node that decisions depend on. */
const relevant = (node: Node): unknown => [
  node.spec?.taints,
  node.status?.volumesInUse,
  node.status?.volumesAttached,
  node.status?.conditions?.find(({ type }) => type === 'Ready')?.status,
  annotationsOf(node)[managedAnnotation],
]

/** Why a Pod does not get a volume that another Node holds. */
export const multiAttachMessage = (volume: string, pod: Pod, users: readonly Pod[]): string => {
  const prefix = `Multi-Attach error for volume "${volume}" `
  const local = users.filter((user) => namespaceOf(user) === namespaceOf(pod)).map(nameOf)
  const others = users.length - local.length
  if (users.length === 0) {
    return `${prefix}Volume is already exclusively attached to one node and can't be attached to another`
  }
  if (local.length === 0) return `${prefix}Volume is already used by ${others} pod(s) in different namespaces`
  const used = `${prefix}Volume is already used by pod(s) ${local.join(', ')}`
  return others === 0 ? used : `${used} and ${others} pod(s) in different namespaces`
}

export const attachDetachController: Controller = {
  name,
  eventSource: 'attachdetach-controller',
  serviceAccount: 'attachdetach-controller',
  setup: (context) => {
    const { client, informers, events, clock, config } = context
    const queue = queueOf(context)
    const podCache = podInformer(informers)
    const nodeCache = informers.for(nodes)
    const claims = informers.for(persistentVolumeClaims)
    const volumes = informers.for(persistentVolumes)
    const drivers = informers.for(csiDrivers)
    const attachments = informers.for(volumeAttachments)
    indexClaims(podCache)
    const pvNameOf = ({ spec }: VolumeAttachment): string => spec?.source?.persistentVolumeName ?? ''
    attachments.addIndexers({
      [attachmentNodeIndex]: ({ spec }) => [spec?.nodeName ?? ''],
      [attachmentVolumeIndex]: (attachment) => [pvNameOf(attachment)],
    })
    const written = new OwnWrites(clock)
    /** By Node: since when volumes on it are not needed. */
    const unwantedSince = new Map<string, Map<string, number>>()
    /** What Nodes that are gone had mounted when they went. */
    const lastInUse = new Map<string, ReadonlySet<string>>()
    const inUseOf = (node: Node): ReadonlySet<string> => new Set(node.status?.volumesInUse ?? [])

    const enqueueNodeOf = (pod: Pod): void => {
      if (pod.spec?.nodeName && claimKeysOf(pod).length > 0) queue.add(pod.spec.nodeName)
    }
    const enqueueUsers = (claimKey: string): void => podsOfClaim(podCache.lister, claimKey).forEach(enqueueNodeOf)
    const enqueueUsersOfVolume = (volume: PersistentVolume | undefined): void => {
      if (volume !== undefined && boundClaimKey(volume) !== '') enqueueUsers(boundClaimKey(volume))
    }
    onAnyChange(podCache, enqueueNodeOf)
    onAnyChange(claims, (claim) => enqueueUsers(keyOf(claim)))
    onAnyChange(volumes, enqueueUsersOfVolume)
    onAnyChange(drivers, () => {
      for (const node of nodeCache.lister.list()) queue.add(nameOf(node))
    })
    nodeCache.addHandler({
      onAdd: (node) => {
        lastInUse.delete(nameOf(node))
        queue.add(nameOf(node))
      },
      onUpdate: (old, node) => {
        if (!semanticEqual(relevant(old), relevant(node))) queue.add(nameOf(node))
      },
      onDelete: (node) => {
        lastInUse.set(nameOf(node), inUseOf(node))
        queue.add(nameOf(node))
      },
    })
    const enqueueAttachment = (attachment: VolumeAttachment): void => {
      starting.delete(pvNameOf(attachment))
      queue.add(attachment.spec?.nodeName ?? '')
    }
    attachments.addHandler({
      onAdd: enqueueAttachment,
      onUpdate: (old, attachment) => {
        enqueueAttachment(attachment)
        tellResult(old, attachment)
      },
      onDelete: (attachment) => {
        written.gone(attachment)
        enqueueAttachment(attachment)
        // Another Node may have waited for the volume.
        enqueueUsersOfVolume(volumes.lister.get(pvNameOf(attachment)))
      },
    })

    const sources: VolumeSources = {
      claimOf: claims.lister.get,
      volumeOf: volumes.lister.get,
      driverOf: drivers.lister.get,
    }

    /** Tells the Pods that wait for it what the attacher has said. */
    const tellResult = (old: VolumeAttachment, attachment: VolumeAttachment): void => {
      const volume = volumes.lister.get(pvNameOf(attachment))
      if (volume === undefined) return
      const users = podsOfClaim(podCache.lister, boundClaimKey(volume)).filter(
        ({ spec }) => spec?.nodeName === attachment.spec?.nodeName,
      )
      const { attached, attachError } = attachment.status ?? {}
      const pv = nameOf(volume)
      for (const pod of users) {
        if (attached === true && old.status?.attached !== true) {
          const message = `AttachVolume.Attach succeeded for volume "${pv}" `
          events.event(pod, 'Normal', 'SuccessfulAttachVolume', message)
        } else if (attachError !== undefined && attachError.time !== old.status?.attachError?.time) {
          const message = `AttachVolume.Attach failed for volume "${pv}" : ${attachError.message ?? ''}`
          events.event(pod, 'Warning', 'FailedAttachVolume', message)
        }
      }
    }

    /** Attachments of the Node that are this controller's, by their name. */
    const attachmentsOf = (node: string): Attachment[] =>
      attachments.lister.byIndex(attachmentNodeIndex, node).flatMap((object) => {
        const pv = volumes.lister.get(pvNameOf(object))
        // Also where the driver has come to need no attaching: what is there has to go.
        const volume = pv && attachableOf(pv, () => undefined)
        return volume !== undefined && attachmentName(volume, node) === nameOf(object) ? [{ object, volume }] : []
      })

    /** Volumes that are being attached, and to which Node: their VolumeAttachment may not be in the cache yet. */
    const starting = new Map<string, string>()
    const isElsewhere =
      (node: string) =>
      ({ volume }: { readonly volume: PersistentVolume }): boolean => {
        const other = starting.get(nameOf(volume))
        const known = attachments.lister.byIndex(attachmentVolumeIndex, nameOf(volume))
        return (other !== undefined && other !== node) || known.some(({ spec }) => spec?.nodeName !== node)
      }

    const attachOne = async (node: string, volume: WantedVolume): Promise<void> => {
      try {
        written.wrote(node, await client.create(volumeAttachments, attachmentFor(volume, node)))
      } catch (error) {
        starting.delete(nameOf(volume.volume))
        if (!isReason(error, 'AlreadyExists')) throw error
      }
    }

    const refuse = ({ volume, pods }: WantedVolume, node: string): void => {
      const users = podsOfClaim(podCache.lister, boundClaimKey(volume)).filter(
        ({ spec }) => spec?.nodeName && spec.nodeName !== node,
      )
      for (const pod of pods) {
        events.event(pod, 'Warning', 'FailedAttachVolume', multiAttachMessage(nameOf(volume), pod, users))
      }
    }

    const reportAttached = async (node: Node, attached: readonly string[]): Promise<void> => {
      const reported = (node.status?.volumesAttached ?? []).filter(({ name: one }) =>
        one.startsWith('kubernetes.io/csi/'),
      )
      const others = (node.status?.volumesAttached ?? []).filter((one) => !reported.includes(one))
      if (semanticEqual(reported.map((one) => one.name).sort(), attached)) return
      const volumesAttached = [...others, ...attached.map((one) => ({ name: one, devicePath: '' }))]
      const body = { status: { volumesAttached: volumesAttached.length === 0 ? null : volumesAttached } }
      await client.patch(nodes, nameOf(node), undefined, body, { type: 'merge', subresource: 'status' })
    }

    const remember = (node: string, present: readonly Attachment[], wanted: ReadonlyMap<string, unknown>): void => {
      const before = unwantedSince.get(node)
      const now = new Map<string, number>()
      for (const { volume } of present) {
        const since = before?.get(volume.uniqueName) ?? clock.now()
        if (!wanted.has(volume.uniqueName)) now.set(volume.uniqueName, since)
      }
      if (now.size > 0) unwantedSince.set(node, now)
      else unwantedSince.delete(node)
    }

    const detachOne = async ({ object }: Attachment): Promise<void> => {
      await client.delete(volumeAttachments, nameOf(object), undefined).catch((error: unknown) => {
        if (!isReason(error, 'NotFound')) throw error
      })
    }

    const reconcile = async (key: string): Promise<{ requeueAfterMs: number } | undefined> => {
      const node = nodeCache.lister.get(key)
      // The kubelet says that it attaches by itself.
      if (node !== undefined && annotationsOf(node)[managedAnnotation] !== 'true') return undefined
      if (written.isStale(key, (attachment) => attachments.lister.get(attachment))) return { requeueAfterMs: 50 }
      const wanted = wantedVolumes(podsOnNode(podCache.lister, key), sources)
      const present = attachmentsOf(key)
      remember(key, present, wanted)
      const plan = planNode({
        node,
        inUse: node === undefined ? lastInUse.get(key) : inUseOf(node),
        wanted,
        attachments: present,
        isElsewhere: isElsewhere(key),
        unwantedSince: unwantedSince.get(key) ?? new Map(),
        forceDetach: !config['disable-force-detach-on-timeout'],
        nowMs: clock.now(),
      })
      for (const { volume } of plan.attach) starting.set(nameOf(volume), key)
      for (const volume of plan.refused) refuse(volume, key)
      await all(plan.attach, (volume) => attachOne(key, volume))
      if (node !== undefined) await reportAttached(node, plan.attached)
      // Nothing is left of the Node that anybody could ask about.
      else if (attachments.lister.byIndex(attachmentNodeIndex, key).length === 0) lastInUse.delete(key)
      await all(plan.detach, detachOne)
      return plan.nextAtMs === undefined ? undefined : { requeueAfterMs: Math.max(1, plan.nextAtMs - clock.now()) }
    }
    return workersOf(context, { name, queue, concurrency, reconcile })
  },
}
