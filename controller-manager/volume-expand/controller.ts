/**
 * Says who is to enlarge a bound claim that asks for more: always an external resizer, since no volume plugin of
 * upstream's own tree is left that could. Upstream: pkg/controller/volume/expand.
 */
import { compareQuantities, parseQuantity } from '../../api/meta/quantity.ts'
import { persistentVolumeClaims, persistentVolumes } from '../../api/resources.ts'
import type { PersistentVolume, PersistentVolumeClaim } from '../../api/types.ts'
import type { Controller } from '../context.ts'
import { migratedPluginOf } from '../csi-migration.ts'
import { annotationsOf, keyOf, nameOf, namespaceOf, uidOf } from '../objects.ts'
import { enqueueSelf, queueOf, workersOf } from '../wiring.ts'

const name = 'persistentvolume-expander-controller'
const concurrency = 10
const resizerAnnotation = 'volume.kubernetes.io/storage-resizer'
/** On a volume that was enlarged, until the file system on it was too. */
const preResizeAnnotation = 'volume.alpha.kubernetes.io/pre-resize-capacity'

export type ExpansionPlan =
  | { readonly type: 'none' }
  | { readonly type: 'external'; readonly message: string; readonly eventType: 'Normal' | 'Warning' }
  /** An external resizer finds its claims by the annotation. */
  | { readonly type: 'migrated'; readonly message: string; readonly resizer: string }

const storageOf = (amounts: Readonly<Record<string, string>> | undefined) => parseQuantity(amounts?.['storage'] ?? '0')

/** True if the claim wants more than before, or has got more. */
export const mayExpand = (old: PersistentVolumeClaim, claim: PersistentVolumeClaim): boolean =>
  compareQuantities(storageOf(claim.spec?.resources?.requests), storageOf(old.spec?.resources?.requests)) > 0 ||
  compareQuantities(storageOf(claim.status?.capacity), storageOf(old.status?.capacity)) > 0

export const planExpansion = (claim: PersistentVolumeClaim, volume: PersistentVolume): ExpansionPlan => {
  const wants = compareQuantities(storageOf(claim.spec?.resources?.requests), storageOf(claim.status?.capacity)) > 0
  if (!wants && annotationsOf(volume)[preResizeAnnotation] === undefined) return { type: 'none' }
  const migrated = migratedPluginOf(volume)
  if (migrated !== undefined) {
    const message = `CSI migration enabled for ${migrated.plugin}; waiting for external resizer to expand the pvc`
    return { type: 'migrated', message, resizer: migrated.driver }
  }
  const isKnown = volume.spec?.csi !== undefined || volume.spec?.flexVolume !== undefined
  return {
    type: 'external',
    message: 'waiting for an external controller to expand this PVC',
    eventType: isKnown ? 'Normal' : 'Warning',
  }
}

export const volumeExpandController: Controller = {
  name,
  eventSource: 'volume_expand',
  serviceAccount: 'expand-controller',
  setup: (context) => {
    const { client, informers, events } = context
    const queue = queueOf(context)
    const claims = informers.for(persistentVolumeClaims)
    const enqueueBound = (claim: PersistentVolumeClaim): void => {
      if (claim.status?.phase === 'Bound') enqueueSelf(queue)(claim)
    }
    claims.addHandler({
      onAdd: enqueueBound,
      onUpdate: (old, claim) => {
        if (mayExpand(old, claim)) enqueueBound(claim)
      },
    })

    const reconcile = async (key: string): Promise<undefined> => {
      const claim = claims.lister.get(key)
      if (claim === undefined || !claim.spec?.volumeName) return
      const wanted = storageOf(claim.spec.resources?.requests)
      // Nearly every claim is as it should be, and is worth no request.
      if (compareQuantities(wanted, storageOf(claim.status?.capacity)) <= 0) return
      const volume = await client.get(persistentVolumes, claim.spec.volumeName)
      const reference = volume.spec?.claimRef
      if (reference?.namespace !== namespaceOf(claim) || reference.uid !== uidOf(claim)) {
        throw new Error(`persistent Volume is not bound to PVC being updated : ${keyOf(claim)}`)
      }
      const plan = planExpansion(claim, volume)
      if (plan.type === 'none') return
      events.event(claim, plan.type === 'external' ? plan.eventType : 'Normal', 'ExternalExpanding', plan.message)
      if (plan.type === 'external' || annotationsOf(claim)[resizerAnnotation] === plan.resizer) return
      const body = { metadata: { annotations: { [resizerAnnotation]: plan.resizer } } }
      const options = { type: 'merge', subresource: 'status' } as const
      await client.patch(persistentVolumeClaims, nameOf(claim), namespaceOf(claim), body, options)
    }
    return workersOf(context, { name, queue, concurrency, reconcile })
  },
}
