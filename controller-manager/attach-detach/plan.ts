/** What to attach to a Node and what to detach from it. Upstream: pkg/controller/volume/attachdetach/reconciler. */
import { isConditionTrue } from '../../api/meta/conditions.ts'
import type { Node, PersistentVolume, VolumeAttachment } from '../../api/types.ts'
import { isDeleting } from '../objects.ts'
import type { AttachableVolume, WantedVolume } from './volumes.ts'

/** How long a volume that a Node still has mounted is left to it, once no Pod needs it and the Node is not well. */
export const maxUnmountMs = 6 * 60_000
const outOfServiceTaint = 'node.kubernetes.io/out-of-service'

/** One VolumeAttachment of the Node whose name is what this controller would give it. */
export interface Attachment {
  readonly object: VolumeAttachment
  readonly volume: AttachableVolume
}

export interface NodeView {
  /** Undefined: it is gone. */
  readonly node: Node | undefined
  /** Unique names of volumes that the Node has mounted; undefined: nobody knows. */
  readonly inUse: ReadonlySet<string> | undefined
  readonly wanted: ReadonlyMap<string, WantedVolume>
  readonly attachments: readonly Attachment[]
  /** True if the volume is attached, or about to be, elsewhere. */
  readonly isElsewhere: (volume: AttachableVolume) => boolean
  /** Since when a volume of the Node is not needed any more, by unique name. */
  readonly unwantedSince: ReadonlyMap<string, number>
  readonly forceDetach: boolean
  readonly nowMs: number
}

export interface NodePlan {
  readonly attach: readonly WantedVolume[]
  /** Needed, and held by another Node. */
  readonly refused: readonly WantedVolume[]
  readonly detach: readonly Attachment[]
  /** Unique names for `status.volumesAttached`. */
  readonly attached: readonly string[]
  /** When to look again; undefined: on the next event. */
  readonly nextAtMs: number | undefined
}

/** A volume of these modes may be on several Nodes; one that says nothing is not held back. */
export const isExclusive = ({ spec }: PersistentVolume): boolean => {
  const modes = spec?.accessModes ?? []
  return modes.length > 0 && !modes.includes('ReadWriteMany') && !modes.includes('ReadOnlyMany')
}

const isOutOfService = (node: Node | undefined): boolean =>
  (node?.spec?.taints ?? []).some(({ key }) => key === outOfServiceTaint)

type DetachDecision = { readonly type: 'now' } | { readonly type: 'wait'; readonly untilMs: number | undefined }

/** A mounted volume waits until the Node lets it go; who is not well may lose it, because nobody would unmount it. */
const decideDetach = (name: string, view: NodeView): DetachDecision => {
  const isMounted = view.inUse === undefined || view.inUse.has(name)
  if (!isMounted || isOutOfService(view.node)) return { type: 'now' }
  const isHealthy = isConditionTrue(view.node?.status?.conditions, 'Ready')
  if (!view.forceDetach || isHealthy) return { type: 'wait', untilMs: undefined }
  const untilMs = (view.unwantedSince.get(name) ?? view.nowMs) + maxUnmountMs
  return untilMs <= view.nowMs ? { type: 'now' } : { type: 'wait', untilMs }
}

export const planNode = (view: NodeView): NodePlan => {
  const attach: WantedVolume[] = []
  const refused: WantedVolume[] = []
  const detach: Attachment[] = []
  const attached: string[] = []
  let nextAtMs: number | undefined
  const present = new Set(view.attachments.map(({ volume }) => volume.uniqueName))
  for (const volume of view.node === undefined ? [] : view.wanted.values()) {
    if (present.has(volume.uniqueName)) continue
    if (isExclusive(volume.volume) && view.isElsewhere(volume)) refused.push(volume)
    else attach.push(volume)
  }
  for (const attachment of view.attachments) {
    const { uniqueName } = attachment.volume
    if (isDeleting(attachment.object)) continue
    const keep = view.wanted.has(uniqueName) && view.node !== undefined
    const decision = keep ? undefined : decideDetach(uniqueName, view)
    if (decision?.type === 'now') {
      detach.push(attachment)
      continue
    }
    if (attachment.object.status?.attached === true) attached.push(uniqueName)
    if (decision?.untilMs !== undefined) nextAtMs = Math.min(decision.untilMs, nextAtMs ?? Infinity)
  }
  return { attach, refused, detach, attached: attached.sort(), nextAtMs }
}
