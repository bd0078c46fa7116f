/**
 * Binds claims to volumes and follows both through their phases. Making and deleting the storage behind them is left to
 * external provisioners, as upstream does for everything but plugins of its own tree that are no more.
 *
 * Binding is four writes: the volume's reference, its phase, the claim's reference, its phase. A crash between any two
 * leaves a reservation, never two owners; the next look goes on from there. Whoever works from an old cache gets a
 * conflict and looks again. Upstream: pkg/controller/volume/persistentvolume.
 */
import { isReservedFor } from '../../api/core/volume-matching.ts'
import { isReason } from '../../api/meta/status-error.ts'
import { persistentVolumeClaims, persistentVolumes, storageClasses } from '../../api/resources.ts'
import type { KubeObject, PersistentVolume, PersistentVolumeClaim } from '../../api/types.ts'
import type { Controller } from '../context.ts'
import { podInformer } from '../indexes.ts'
import { annotationsOf, keyOf, nameOf, namespaceOf, uidOf } from '../objects.ts'
import { boundClaimKey, indexClaims, podsOfClaim } from '../pod-volumes.ts'
import { sameStatus } from '../semantic-equal.ts'
import { enqueueSelf, onAnyChange, queueOf, workersOf } from '../wiring.ts'
import {
  betaStorageProvisioner,
  bindCompleted,
  boundByController,
  hasAnnotation,
  storageProvisioner,
} from './annotations.ts'
import { type ClaimPlan, planClaim, type Told } from './plan-claim.ts'
import { planVolume } from './plan-volume.ts'

const name = 'persistentvolume-binder-controller'
const claimIndex = 'boundClaim'

type Annotations = Readonly<Record<string, string>>

const annotated = <T extends KubeObject>(object: T, annotations: Annotations): T => ({
  ...object,
  metadata: { ...object.metadata, annotations: { ...annotationsOf(object), ...annotations } },
})

/** The status of a claim that is bound to the volume. Its size is taken over once: later on it may lag behind. */
const boundStatus = (
  { status }: PersistentVolumeClaim,
  { spec }: PersistentVolume,
): NonNullable<PersistentVolumeClaim['status']> => {
  const common = { ...status, phase: 'Bound', ...(spec?.accessModes && { accessModes: spec.accessModes }) }
  if (status?.phase === 'Bound') return common
  const attributes = spec?.volumeAttributesClassName
  return {
    ...common,
    ...(spec?.capacity && { capacity: spec.capacity }),
    ...(attributes ? { currentVolumeAttributesClassName: attributes } : {}),
  }
}

export const persistentVolumeBinder: Controller = {
  name,
  eventSource: 'persistentvolume-controller',
  serviceAccount: 'persistent-volume-binder',
  setup: (context) => {
    const { client, informers, events, config } = context
    const claimQueue = queueOf(context)
    const volumeQueue = queueOf(context)
    const claims = informers.for(persistentVolumeClaims)
    const volumes = informers.for(persistentVolumes)
    const classes = informers.for(storageClasses)
    const podCache = podInformer(informers)
    indexClaims(podCache)
    volumes.addIndexers({ [claimIndex]: (volume) => [boundClaimKey(volume)] })
    const reservedFor = (claim: PersistentVolumeClaim): PersistentVolume[] =>
      volumes.lister.byIndex(claimIndex, keyOf(claim)).filter((volume) => isReservedFor(volume, claim))
    const enqueuePending = (): void => {
      for (const claim of claims.lister.list()) if (!claim.spec?.volumeName) claimQueue.add(keyOf(claim))
    }
    onAnyChange(claims, (claim) => {
      claimQueue.add(keyOf(claim))
      if (claim.spec?.volumeName) volumeQueue.add(claim.spec.volumeName)
      // What is reserved for a claim follows it also where the claim does not name it.
      else for (const volume of reservedFor(claim)) volumeQueue.add(nameOf(volume))
    })
    onAnyChange(volumes, (volume) => {
      enqueueSelf(volumeQueue)(volume)
      const key = boundClaimKey(volume)
      if (key === '') enqueuePending()
      else claimQueue.add(key)
    })
    onAnyChange(classes, enqueuePending)

    const tell = (object: KubeObject, { type, reason, message }: Told): void =>
      events.event(object, type, reason, message)

    /** Returns the volume as it is then; nothing is written where it is so already. */
    const setVolumePhase = async (volume: PersistentVolume, phase: string, message = ''): Promise<PersistentVolume> => {
      if (volume.status?.phase === phase && (volume.status.message ?? '') === message) return volume
      const { message: _message, ...rest } = volume.status ?? {}
      const status = { ...rest, phase, ...(message === '' ? {} : { message }) }
      return client.update(persistentVolumes, { ...volume, status }, { subresource: 'status' })
    }

    const setClaimStatus = async (
      claim: PersistentVolumeClaim,
      status: NonNullable<PersistentVolumeClaim['status']>,
    ): Promise<void> => {
      if (sameStatus(claim.status, status)) return
      await client.update(persistentVolumeClaims, { ...claim, status }, { subresource: 'status' })
    }

    const bindVolume = async (claim: PersistentVolumeClaim, volume: PersistentVolume): Promise<PersistentVolume> => {
      if (volume.spec?.claimRef?.uid === uidOf(claim)) return volume
      const claimRef = {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        namespace: namespaceOf(claim),
        name: nameOf(claim),
        uid: uidOf(claim),
        resourceVersion: claim.metadata?.resourceVersion ?? '',
      }
      // A person's reservation stays one when the binding is undone.
      const ours: Annotations = isReservedFor(volume, claim) ? {} : { [boundByController]: 'yes' }
      const wanted = { ...volume, spec: { ...volume.spec, claimRef } }
      return client.update(persistentVolumes, annotated(wanted, ours))
    }

    const bindClaim = async (
      claim: PersistentVolumeClaim,
      volume: PersistentVolume,
    ): Promise<PersistentVolumeClaim> => {
      const isNamed = claim.spec?.volumeName === nameOf(volume)
      if (isNamed && hasAnnotation(claim, bindCompleted)) return claim
      const wanted = { ...claim, spec: { ...claim.spec, volumeName: nameOf(volume) } }
      const ours: Annotations = isNamed ? {} : { [boundByController]: 'yes' }
      return client.update(persistentVolumeClaims, annotated(wanted, { ...ours, [bindCompleted]: 'yes' }))
    }

    const bind = async (claim: PersistentVolumeClaim, volume: PersistentVolume): Promise<void> => {
      const bound = await setVolumePhase(await bindVolume(claim, volume), 'Bound')
      const updated = await bindClaim(claim, bound)
      await setClaimStatus(updated, boundStatus(updated, bound))
    }

    const execute = async (claim: PersistentVolumeClaim, plan: ClaimPlan): Promise<void> => {
      switch (plan.type) {
        case 'bind':
          return bind(claim, plan.volume)
        case 'setClass': {
          const spec = { ...claim.spec, storageClassName: plan.className }
          await client.update(persistentVolumeClaims, { ...claim, spec })
          return
        }
        case 'pending':
          if (plan.event !== undefined) tell(claim, plan.event)
          return setClaimStatus(claim, { ...claim.status, phase: 'Pending' })
        case 'lost':
          if (claim.status?.phase !== 'Lost') tell(claim, plan.event)
          return setClaimStatus(claim, { ...claim.status, phase: 'Lost' })
        case 'provision': {
          const told = { [storageProvisioner]: plan.provisioner, [betaStorageProvisioner]: plan.provisioner }
          const isTold = annotationsOf(claim)[storageProvisioner] === plan.provisioner
          tell(claim, plan.event)
          const asked = isTold ? claim : await client.update(persistentVolumeClaims, annotated(claim, told))
          return setClaimStatus(asked, { ...asked.status, phase: 'Pending' })
        }
        case 'error':
          throw new Error(plan.message)
      }
    }

    const reconcileClaim = async (key: string): Promise<undefined> => {
      const claim = claims.lister.get(key)
      if (claim === undefined) return
      const plan = planClaim(claim, {
        volumeOf: volumes.lister.get,
        volumes: volumes.lister.list,
        classes: classes.lister.list,
        pods: () => podsOfClaim(podCache.lister, key),
        provisioning: config['enable-dynamic-provisioning'],
      })
      await execute(claim, plan)
    }

    /** The cache may be behind: data is at stake, so only the API server can say that a claim is gone. */
    const claimOf = async (volume: PersistentVolume): Promise<PersistentVolumeClaim | undefined> => {
      const { namespace, name: claimName = '', uid } = volume.spec?.claimRef ?? {}
      if (!uid) return undefined
      const cached = claims.lister.get(boundClaimKey(volume))
      if (cached !== undefined && uidOf(cached) === uid) return cached
      return client.get(persistentVolumeClaims, claimName, namespace).catch((error: unknown) => {
        if (isReason(error, 'NotFound')) return undefined
        throw error
      })
    }

    const unbind = async (volume: PersistentVolume, whole: boolean): Promise<void> => {
      const { claimRef, ...spec } = volume.spec ?? {}
      const { uid: _uid, resourceVersion: _version, ...reservation } = claimRef ?? {}
      const { [boundByController]: _bound, ...annotations } = annotationsOf(volume)
      const metadata = { ...volume.metadata, annotations }
      const wanted = { ...volume, metadata, spec: whole ? spec : { ...spec, claimRef: reservation } }
      await setVolumePhase(await client.update(persistentVolumes, wanted), 'Available')
    }

    const reconcileVolume = async (key: string): Promise<undefined> => {
      const volume = volumes.lister.get(key)
      if (volume === undefined) return
      const claim = await claimOf(volume)
      const plan = planVolume(volume, claim)
      switch (plan.type) {
        case 'available':
          await setVolumePhase(volume, 'Available')
          return
        case 'bound':
          await setVolumePhase(volume, 'Bound')
          return
        case 'syncClaim':
          claimQueue.add(boundClaimKey(volume))
          return
        case 'mismatch':
          tell(volume, plan.volumeEvent)
          if (claim !== undefined) tell(claim, plan.claimEvent)
          return
        case 'unbind':
          await unbind(volume, plan.whole)
          return
        case 'release': {
          if (plan.failure === undefined) {
            await setVolumePhase(volume, 'Released')
            return
          }
          if (volume.status?.phase !== 'Failed') tell(volume, plan.failure)
          await setVolumePhase(volume, 'Failed', plan.failure.message)
        }
      }
    }

    const runClaims = workersOf(context, { name, queue: claimQueue, concurrency: 1, reconcile: reconcileClaim })
    const runVolumes = workersOf(context, { name, queue: volumeQueue, concurrency: 1, reconcile: reconcileVolume })
    return () => Promise.all([runClaims(), runVolumes()])
  },
}
