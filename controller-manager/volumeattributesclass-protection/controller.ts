/**
 * Keeps a VolumeAttributesClass that claims or volumes name until none does.
 * Upstream: pkg/controller/volume/vacprotection.
 */
import { isReason } from '../../api/meta/status-error.ts'
import { persistentVolumeClaims, persistentVolumes, volumeAttributesClasses } from '../../api/resources.ts'
import type { PersistentVolume, PersistentVolumeClaim } from '../../api/types.ts'
import type { Controller } from '../context.ts'
import { isDeleting, nameOf } from '../objects.ts'
import { enqueueSelf, queueOf, workersOf } from '../wiring.ts'
import { planFinalizers } from '../volume-protection/controller.ts'

const finalizer = 'kubernetes.io/vac-protection'
const classIndex = 'volumeAttributesClass'

const distinct = (names: readonly (string | undefined)[]): string[] =>
  [...new Set(names.filter((name) => name !== undefined && name !== ''))] as string[]

/** The class that it wants, the one that it has, and the one that it is on its way to. */
const classesOfClaim = ({ spec, status }: PersistentVolumeClaim): string[] =>
  distinct([
    spec?.volumeAttributesClassName,
    status?.currentVolumeAttributesClassName,
    status?.modifyVolumeStatus?.targetVolumeAttributesClassName,
  ])
const classesOfVolume = ({ spec }: PersistentVolume): string[] => distinct([spec?.volumeAttributesClassName])

const name = 'volumeattributesclass-protection-controller'

export const volumeAttributesClassProtectionController: Controller = {
  name,
  serviceAccount: name,
  setup: (context) => {
    const { client, informers, signal } = context
    const queue = queueOf(context)
    const classes = informers.for(volumeAttributesClasses)
    const claims = informers.for(persistentVolumeClaims)
    const volumes = informers.for(persistentVolumes)
    claims.addIndexers({ [classIndex]: classesOfClaim })
    volumes.addIndexers({ [classIndex]: classesOfVolume })
    classes.addHandler({ onAdd: enqueueSelf(queue), onUpdate: (_old, object) => enqueueSelf(queue)(object) })
    const enqueueAll = (names: readonly string[]): void => {
      for (const key of names) queue.add(key)
    }
    claims.addHandler({
      onUpdate: (old) => enqueueAll(classesOfClaim(old)),
      onDelete: (claim) => enqueueAll(classesOfClaim(claim)),
    })
    volumes.addHandler({
      onUpdate: (old) => enqueueAll(classesOfVolume(old)),
      onDelete: (volume) => enqueueAll(classesOfVolume(volume)),
    })

    const isUsed = async (className: string): Promise<boolean> => {
      if (claims.lister.byIndex(classIndex, className).length > 0) return true
      if (volumes.lister.byIndex(classIndex, className).length > 0) return true
      // What the caches do not show yet would be left with a class that is gone.
      const liveVolumes = await client.list(persistentVolumes, { signal })
      if (liveVolumes.items.some((volume) => classesOfVolume(volume).includes(className))) return true
      const liveClaims = await client.list(persistentVolumeClaims, { signal })
      return liveClaims.items.some((claim) => classesOfClaim(claim).includes(className))
    }

    const reconcile = async (key: string): Promise<undefined> => {
      const object = classes.lister.get(key)
      if (object === undefined) return
      const leaves = isDeleting(object) && object.metadata?.finalizers?.includes(finalizer) === true
      const finalizers = planFinalizers(object, finalizer, leaves && (await isUsed(nameOf(object))))
      if (finalizers === undefined) return
      const wanted = { ...object, metadata: { ...object.metadata, finalizers } }
      await client.update(volumeAttributesClasses, wanted).catch((error: unknown) => {
        if (!isReason(error, 'NotFound')) throw error
      })
    }
    return workersOf(context, { name, queue, concurrency: 1, reconcile })
  },
}
