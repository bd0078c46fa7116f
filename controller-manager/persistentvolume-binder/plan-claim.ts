/** What a claim needs. Upstream: syncClaim of pkg/controller/volume/persistentvolume. */
import { isReservedFor, storageClassOf } from '../../api/core/volume-matching.ts'
import { isDefaultStorageClass } from '../../api/storage/default-class.ts'
import type { PersistentVolume, PersistentVolumeClaim, Pod, StorageClass } from '../../api/types.ts'
import { driverOfPlugin } from '../csi-migration.ts'
import { createdMs, nameOf, uidOf } from '../objects.ts'
import { bindCompleted, boundByController, hasAnnotation, selectedNode, wantsDefaultClass } from './annotations.ts'
import { chooseVolume, mismatch } from './match.ts'

export interface Told {
  readonly type: 'Normal' | 'Warning'
  readonly reason: string
  readonly message: string
}

export type ClaimPlan =
  | { readonly type: 'bind'; readonly volume: PersistentVolume }
  | { readonly type: 'pending'; readonly event: Told | undefined }
  | { readonly type: 'lost'; readonly event: Told }
  /** Has the cluster's default class written into it. */
  | { readonly type: 'setClass'; readonly className: string }
  /** Names who is to make a volume for it. */
  | { readonly type: 'provision'; readonly provisioner: string; readonly event: Told }
  /** What nobody should have been able to do. */
  | { readonly type: 'error'; readonly message: string }

export interface ClaimView {
  readonly volumeOf: (name: string) => PersistentVolume | undefined
  readonly volumes: () => readonly PersistentVolume[]
  readonly classes: () => readonly StorageClass[]
  /** Pods that mount the claim. */
  readonly pods: () => readonly Pod[]
  readonly provisioning: boolean
}

/** The newest of those that are marked as default. */
const defaultClassOf = (classes: readonly StorageClass[]): StorageClass | undefined =>
  classes
    .filter(isDefaultStorageClass)
    .sort((a, b) => createdMs(b) - createdMs(a) || (nameOf(a) < nameOf(b) ? -1 : 1))[0]

const pending = (type: Told['type'], reason: string, message: string): ClaimPlan => ({
  type: 'pending',
  event: { type, reason, message },
})

const waitForConsumer = (pods: readonly Pod[]): ClaimPlan => {
  const waiting = pods.some(({ spec }) => spec?.nodeName) ? [] : pods.map(nameOf).sort()
  return waiting.length === 0
    ? pending('Normal', 'WaitForFirstConsumer', 'waiting for first consumer to be created before binding')
    : pending('Normal', 'WaitForPodScheduled', `waiting for pod ${waiting.join(',')} to be scheduled`)
}

const provision = (className: string, storageClass: StorageClass | undefined): ClaimPlan => {
  if (storageClass === undefined) {
    return pending('Warning', 'ProvisioningFailed', `storageclass.storage.k8s.io "${className}" not found`)
  }
  const named = storageClass.provisioner
  const provisioner = driverOfPlugin(named) ?? named
  if (provisioner.startsWith('kubernetes.io/')) {
    return pending('Warning', 'ProvisioningFailed', `no volume plugin matched name: ${provisioner}`)
  }
  const message = `Waiting for a volume to be created either by the external provisioner '${provisioner}' or manually by the system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered.`
  return { type: 'provision', provisioner, event: { type: 'Normal', reason: 'ExternalProvisioning', message } }
}

const planAnyVolume = (claim: PersistentVolumeClaim, view: ClaimView): ClaimPlan => {
  const className = storageClassOf(claim)
  const classes = view.classes()
  const storageClass = classes.find((one) => nameOf(one) === className)
  const waits = storageClass?.volumeBindingMode === 'WaitForFirstConsumer'
  const volume = chooseVolume(claim, view.volumes(), waits)
  if (volume !== undefined) return { type: 'bind', volume }
  if (wantsDefaultClass(claim)) {
    const fallback = defaultClassOf(classes)
    if (fallback !== undefined) return { type: 'setClass', className: nameOf(fallback) }
  }
  if (waits && !hasAnnotation(claim, selectedNode)) return waitForConsumer(view.pods())
  if (className === '') {
    const message = 'no persistent volumes available for this claim and no storage class is set'
    return pending('Normal', 'FailedBinding', message)
  }
  return view.provisioning ? provision(className, storageClass) : { type: 'pending', event: undefined }
}

const planNamedVolume = (claim: PersistentVolumeClaim, volumeName: string, view: ClaimView): ClaimPlan => {
  const volume = view.volumeOf(volumeName)
  // It may still come.
  if (volume === undefined) return { type: 'pending', event: undefined }
  if (isReservedFor(volume, claim)) return { type: 'bind', volume }
  if (volume.spec?.claimRef === undefined || volume.spec.claimRef === null) {
    const why = mismatch(volume, claim)
    if (why === undefined) return { type: 'bind', volume }
    return pending('Warning', 'VolumeMismatch', `Cannot bind to requested volume "${volumeName}": ${why}`)
  }
  if (hasAnnotation(claim, boundByController)) {
    const { namespace, name } = volume.spec.claimRef
    const claimed = `volume already claimed by "${namespace}/${name}"`
    return {
      type: 'error',
      message: `invalid binding of claim "${nameOf(claim)}" to volume "${volumeName}": ${claimed}`,
    }
  }
  return pending('Warning', 'FailedBinding', `volume "${volumeName}" already bound to a different claim.`)
}

const lost = (reason: string, message: string): ClaimPlan => ({
  type: 'lost',
  event: { type: 'Warning', reason, message },
})

const planBoundOnce = (claim: PersistentVolumeClaim, view: ClaimView): ClaimPlan => {
  const volumeName = claim.spec?.volumeName
  if (!volumeName) {
    return lost('ClaimLost', 'Bound claim has lost reference to PersistentVolume. Data on the volume is lost!')
  }
  const volume = view.volumeOf(volumeName)
  if (volume === undefined) {
    return lost('ClaimLost', 'Bound claim has lost its PersistentVolume. Data on the volume is lost!')
  }
  const reference = volume.spec?.claimRef
  if (reference === undefined || reference === null || reference.uid === uidOf(claim)) return { type: 'bind', volume }
  if (!reference.uid && isReservedFor(volume, claim)) return { type: 'bind', volume }
  return lost('ClaimMisbound', 'Two claims are bound to the same volume, this one is bound incorrectly')
}

export const planClaim = (claim: PersistentVolumeClaim, view: ClaimView): ClaimPlan => {
  if (hasAnnotation(claim, bindCompleted)) return planBoundOnce(claim, view)
  const volumeName = claim.spec?.volumeName
  return volumeName ? planNamedVolume(claim, volumeName, view) : planAnyVolume(claim, view)
}
