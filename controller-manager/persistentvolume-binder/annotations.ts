/** The annotations by which claims, volumes, scheduler and provisioners talk about binding. */
import type { KubeObject, PersistentVolumeClaim } from '../../api/types.ts'
import { annotationsOf } from '../objects.ts'

/** On a claim that was bound once: what follows is a loss, not a beginning. */
export const bindCompleted = 'pv.kubernetes.io/bind-completed'
/** On a claim or volume whose reference to the other was set here and not by a person. */
export const boundByController = 'pv.kubernetes.io/bound-by-controller'
/** On a volume: who made it. */
export const provisionedBy = 'pv.kubernetes.io/provisioned-by'
/** On a claim: who is to make its volume. */
export const storageProvisioner = 'volume.kubernetes.io/storage-provisioner'
export const betaStorageProvisioner = 'volume.beta.kubernetes.io/storage-provisioner'
/** On a claim that waited for its first consumer: the Node that the scheduler has chosen. */
export const selectedNode = 'volume.kubernetes.io/selected-node'
const betaStorageClass = 'volume.beta.kubernetes.io/storage-class'

export const hasAnnotation = (object: KubeObject, name: string): boolean => annotationsOf(object)[name] !== undefined

/** True if the claim leaves its class to the cluster's default. */
export const wantsDefaultClass = (claim: PersistentVolumeClaim): boolean =>
  !hasAnnotation(claim, betaStorageClass) &&
  (claim.spec?.storageClassName === undefined || claim.spec.storageClassName === null)
