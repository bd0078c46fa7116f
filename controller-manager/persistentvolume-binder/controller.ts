/**
 * Binds claims to volumes and follows volumes through their phases. Provisioning and deletion of the storage behind
 * them is left to external provisioners, as upstream does for everything but a few in-tree plugins.
 * Upstream: pkg/controller/volume/persistentvolume.
 */
import { isReason } from '../../api/meta/status-error.ts'
import { persistentVolumeClaims, persistentVolumes, storageClasses } from '../../api/resources.ts'
import type { PersistentVolume, PersistentVolumeClaim } from '../../api/types.ts'
import type { Controller } from '../context.ts'
import { annotationsOf, isDeleting, keyOf, nameOf, namespaceOf, uidOf } from '../objects.ts'
import { enqueueSelf, onAnyChange, queueOf, workersOf } from '../wiring.ts'
import { chooseVolume, isReservedFor } from './plan.ts'

const bindCompleted = 'pv.kubernetes.io/bind-completed'
const boundByController = 'pv.kubernetes.io/bound-by-controller'
const provisionedBy = 'pv.kubernetes.io/provisioned-by'
const storageProvisioner = 'volume.kubernetes.io/storage-provisioner'
const betaStorageProvisioner = 'volume.beta.kubernetes.io/storage-provisioner'
const selectedNode = 'volume.kubernetes.io/selected-node'
const noProvisioner = 'kubernetes.io/no-provisioner'

export const persistentVolumeBinder: Controller = {
  name: 'persistentvolume-binder-controller',
  eventSource: 'persistentvolume-controller',
  serviceAccount: 'persistent-volume-binder',
  setup: (context) => {
    const { client, informers, events } = context
    const claimQueue = queueOf(context)
    const volumeQueue = queueOf(context)
    const claims = informers.for(persistentVolumeClaims)
    const volumes = informers.for(persistentVolumes)
    const classes = informers.for(storageClasses)
    const enqueuePending = (): void => {
      for (const claim of claims.lister.list()) if (!claim.spec?.volumeName) claimQueue.add(keyOf(claim))
    }
    onAnyChange(claims, (claim) => {
      claimQueue.add(keyOf(claim))
      if (claim.spec?.volumeName) volumeQueue.add(claim.spec.volumeName)
    })
    onAnyChange(volumes, (volume) => {
      enqueueSelf(volumeQueue)(volume)
      const reference = volume.spec?.claimRef
      if (reference) claimQueue.add(`${reference.namespace}/${reference.name}`)
      else enqueuePending()
    })
    onAnyChange(classes, enqueuePending)

    const setVolumePhase = async (volume: PersistentVolume, phase: string, message?: string): Promise<void> => {
      if (volume.status?.phase === phase) return
      const status = { ...volume.status, phase, ...(message === undefined ? {} : { message }) }
      await client.update(persistentVolumes, { ...volume, status }, { subresource: 'status' })
    }

    const setClaimPhase = async (
      claim: PersistentVolumeClaim,
      phase: string,
      volume?: PersistentVolume,
    ): Promise<void> => {
      if (claim.status?.phase === phase && (phase !== 'Bound' || claim.status.capacity !== undefined)) return
      const bound = volume && { accessModes: volume.spec?.accessModes, capacity: volume.spec?.capacity }
      const status = { ...claim.status, phase, ...bound } as NonNullable<PersistentVolumeClaim['status']>
      await client.update(persistentVolumeClaims, { ...claim, status }, { subresource: 'status' })
    }

    /** First the volume's side, then the claim's: a crash between leaves a reservation, never two owners. */
    const bind = async (claim: PersistentVolumeClaim, volume: PersistentVolume): Promise<void> => {
      let bound = volume
      if (volume.spec?.claimRef?.uid !== uidOf(claim)) {
        const claimRef = {
          apiVersion: 'v1',
          kind: 'PersistentVolumeClaim',
          namespace: namespaceOf(claim),
          name: nameOf(claim),
          uid: uidOf(claim),
          resourceVersion: claim.metadata?.resourceVersion ?? '',
        }
        const ours = volume.spec?.claimRef === undefined || volume.spec.claimRef === null
        const annotations = { ...annotationsOf(volume), ...(ours ? { [boundByController]: 'yes' } : {}) }
        const metadata = { ...volume.metadata, annotations }
        bound = await client.update(persistentVolumes, { ...volume, metadata, spec: { ...volume.spec, claimRef } })
      }
      await setVolumePhase(bound, 'Bound')
      let updated = claim
      if (annotationsOf(claim)[bindCompleted] === undefined || claim.spec?.volumeName !== nameOf(volume)) {
        const annotations = {
          ...annotationsOf(claim),
          [bindCompleted]: 'yes',
          ...(claim.spec?.volumeName ? {} : { [boundByController]: 'yes' }),
        }
        const metadata = { ...claim.metadata, annotations }
        const spec = { ...claim.spec, volumeName: nameOf(volume) }
        updated = await client.update(persistentVolumeClaims, { ...claim, metadata, spec })
      }
      await setClaimPhase(updated, 'Bound', bound)
    }

    /** Tells the external provisioner of the claim's class to make a volume, or says why none comes. */
    const provision = async (claim: PersistentVolumeClaim): Promise<void> => {
      const className = claim.spec?.storageClassName ?? ''
      const storageClass = className === '' ? undefined : classes.lister.get(className)
      await setClaimPhase(claim, 'Pending')
      if (storageClass === undefined) {
        const message =
          className === ''
            ? 'no persistent volumes available for this claim and no storage class is set'
            : `storageclass.storage.k8s.io "${className}" not found`
        events.event(
          claim,
          className === '' ? 'Normal' : 'Warning',
          className === '' ? 'FailedBinding' : 'ProvisioningFailed',
          message,
        )
        return
      }
      const waits = storageClass.volumeBindingMode === 'WaitForFirstConsumer'
      if (waits && annotationsOf(claim)[selectedNode] === undefined) {
        events.event(claim, 'Normal', 'WaitForFirstConsumer', 'waiting for first consumer to be created before binding')
        return
      }
      const { provisioner } = storageClass
      if (provisioner === noProvisioner || annotationsOf(claim)[storageProvisioner] === provisioner) return
      const annotations = {
        ...annotationsOf(claim),
        [storageProvisioner]: provisioner,
        [betaStorageProvisioner]: provisioner,
      }
      await client.update(persistentVolumeClaims, { ...claim, metadata: { ...claim.metadata, annotations } })
      const message = `Waiting for a volume to be created either by the external provisioner '${provisioner}' or manually by the system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered.`
      events.event(claim, 'Normal', 'ExternalProvisioning', message)
    }

    const waitsForConsumer = (claim: PersistentVolumeClaim): boolean =>
      classes.lister.get(claim.spec?.storageClassName ?? '')?.volumeBindingMode === 'WaitForFirstConsumer' &&
      annotationsOf(claim)[selectedNode] === undefined

    const reconcileClaim = async (key: string): Promise<undefined> => {
      const claim = claims.lister.get(key)
      if (claim === undefined || isDeleting(claim)) return
      const volumeName = claim.spec?.volumeName
      if (volumeName) {
        const volume = volumes.lister.get(volumeName)
        if (volume === undefined) {
          const lost = annotationsOf(claim)[bindCompleted] !== undefined
          if (lost && claim.status?.phase !== 'Lost') {
            events.event(
              claim,
              'Warning',
              'ClaimLost',
              'Bound claim has lost its PersistentVolume. Data on the volume is lost!',
            )
          }
          await setClaimPhase(claim, lost ? 'Lost' : 'Pending')
          return
        }
        const reference = volume.spec?.claimRef
        if (reference === undefined || reference === null || isReservedFor(volume, claim)) await bind(claim, volume)
        else await setClaimPhase(claim, annotationsOf(claim)[bindCompleted] === undefined ? 'Pending' : 'Lost')
        return
      }
      const all = volumes.lister.list()
      const reserved = all.some((volume) => isReservedFor(volume, claim))
      const volume = waitsForConsumer(claim) && !reserved ? undefined : chooseVolume(claim, all)
      if (volume === undefined) await provision(claim)
      else await bind(claim, volume)
    }

    /** A volume whose claim is gone: kept, or handed to whoever provisioned it. */
    const release = async (volume: PersistentVolume): Promise<void> => {
      await setVolumePhase(volume, 'Released')
      if (volume.spec?.persistentVolumeReclaimPolicy !== 'Delete') return
      if (annotationsOf(volume)[provisionedBy] !== undefined || volume.spec.csi) return
      const message = `error getting deleter volume plugin for volume "${nameOf(volume)}": no volume plugin matched`
      events.event(volume, 'Warning', 'VolumeFailedDelete', message)
      const latest = await client.get(persistentVolumes, nameOf(volume))
      await setVolumePhase(latest, 'Failed', message)
    }

    const reconcileVolume = async (name: string): Promise<undefined> => {
      const volume = volumes.lister.get(name)
      if (volume === undefined || volume.status?.phase === 'Failed') return
      const reference = volume.spec?.claimRef
      if (!reference?.uid) {
        await setVolumePhase(volume, 'Available')
        return
      }
      const claim =
        claims.lister.get(`${reference.namespace}/${reference.name}`) ??
        (await client.get(persistentVolumeClaims, reference.name ?? '', reference.namespace).catch((error: unknown) => {
          if (isReason(error, 'NotFound')) return undefined
          throw error
        }))
      if (claim === undefined || uidOf(claim) !== reference.uid) await release(volume)
    }

    const name = 'persistentvolume-binder-controller'
    const runClaims = workersOf(context, { name, queue: claimQueue, concurrency: 1, reconcile: reconcileClaim })
    const runVolumes = workersOf(context, { name, queue: volumeQueue, concurrency: 1, reconcile: reconcileVolume })
    return () => Promise.all([runClaims(), runVolumes()])
  },
}
