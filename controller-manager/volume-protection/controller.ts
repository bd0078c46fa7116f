/** Keeps claims that Pods use, and volumes that are bound, until they are not. Upstream: pvcprotection, pvprotection. */
import { isPodTerminal } from '../../api/meta/pods.ts'
import { isReason } from '../../api/meta/status-error.ts'
import { persistentVolumeClaims, persistentVolumes, pods } from '../../api/resources.ts'
import type { KubeObject, PersistentVolumeClaim, Pod } from '../../api/types.ts'
import type { Controller } from '../context.ts'
import { podInformer } from '../indexes.ts'
import { isDeleting, keyOf, namespaceOf } from '../objects.ts'
import { claimKeysOf, indexClaims, podsOfClaim } from '../pod-volumes.ts'
import { enqueueSelf, queueOf, workersOf } from '../wiring.ts'

const claimFinalizer = 'kubernetes.io/pvc-protection'
const volumeFinalizer = 'kubernetes.io/pv-protection'

const has = (object: KubeObject, finalizer: string): boolean =>
  object.metadata?.finalizers?.includes(finalizer) === true

/** The finalizers that the object should have; undefined if it has them. */
export const planFinalizers = (object: KubeObject, finalizer: string, inUse: boolean): string[] | undefined => {
  const finalizers = object.metadata?.finalizers ?? []
  if (!isDeleting(object)) return has(object, finalizer) ? undefined : [...finalizers, finalizer]
  return has(object, finalizer) && !inUse ? finalizers.filter((item) => item !== finalizer) : undefined
}

const withFinalizers = <T extends KubeObject>(object: T, finalizers: string[]): T => ({
  ...object,
  metadata: { ...object.metadata, finalizers },
})

export const claimProtectionController: Controller = {
  name: 'persistentvolumeclaim-protection-controller',
  serviceAccount: 'pvc-protection-controller',
  setup: (context) => {
    const { client, informers, signal } = context
    const queue = queueOf(context)
    const claims = informers.for(persistentVolumeClaims)
    const podCache = podInformer(informers)
    indexClaims(podCache)
    claims.addHandler({ onAdd: enqueueSelf(queue), onUpdate: (_old, claim) => enqueueSelf(queue)(claim) })
    const enqueueOf = (pod: Pod): void => {
      for (const key of claimKeysOf(pod)) queue.add(key)
    }
    podCache.addHandler({
      onDelete: enqueueOf,
      onUpdate: (_old, pod) => {
        if (isPodTerminal(pod)) enqueueOf(pod)
      },
    })
    const uses = (pod: Pod, claim: PersistentVolumeClaim): boolean =>
      (pod.spec?.nodeName ?? '') !== '' && !isPodTerminal(pod) && claimKeysOf(pod).includes(keyOf(claim))

    const isUsed = async (claim: PersistentVolumeClaim): Promise<boolean> => {
      if (podsOfClaim(podCache.lister, keyOf(claim)).some((pod) => uses(pod, claim))) return true
      // A Pod that the cache does not show yet would lose its data.
      const { items } = await client.list(pods, { namespace: namespaceOf(claim), signal })
      return items.some((pod) => uses(pod, claim))
    }

    const reconcile = async (key: string): Promise<undefined> => {
      const claim = claims.lister.get(key)
      if (claim === undefined) return
      const relevant = isDeleting(claim) && has(claim, claimFinalizer)
      const finalizers = planFinalizers(claim, claimFinalizer, relevant && (await isUsed(claim)))
      if (finalizers === undefined) return
      await client.update(persistentVolumeClaims, withFinalizers(claim, finalizers)).catch((error: unknown) => {
        if (!isReason(error, 'NotFound')) throw error
      })
    }
    return workersOf(context, { name: 'persistentvolumeclaim-protection-controller', queue, concurrency: 1, reconcile })
  },
}

export const volumeProtectionController: Controller = {
  name: 'persistentvolume-protection-controller',
  serviceAccount: 'pv-protection-controller',
  setup: (context) => {
    const { client, informers } = context
    const queue = queueOf(context)
    const volumes = informers.for(persistentVolumes)
    volumes.addHandler({ onAdd: enqueueSelf(queue), onUpdate: (_old, volume) => enqueueSelf(queue)(volume) })
    const reconcile = async (name: string): Promise<undefined> => {
      const volume = volumes.lister.get(name)
      if (volume === undefined) return
      const finalizers = planFinalizers(volume, volumeFinalizer, volume.status?.phase === 'Bound')
      if (finalizers === undefined) return
      await client.update(persistentVolumes, withFinalizers(volume, finalizers)).catch((error: unknown) => {
        if (!isReason(error, 'NotFound')) throw error
      })
    }
    return workersOf(context, { name: 'persistentvolume-protection-controller', queue, concurrency: 1, reconcile })
  },
}
