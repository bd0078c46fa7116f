/** Writing Pods in an owner's name, with upstream's events. Upstream: controller.RealPodControl. */
import { isReason } from '../api/meta/status-error.ts'
import { pods } from '../api/resources.ts'
import type { KubeObject, OwnerReference, Pod, PodTemplateSpec } from '../api/types.ts'
import type { EventRecorder } from '../client/events/event-recorder.ts'
import type { RestClient } from '../client/rest/rest-client.ts'
import { isNamespaceTerminating, messageOf } from './errors.ts'
import { nameOf, namespaceOf, uidOf } from './objects.ts'

export interface PodControl {
  /** Throws what the API server answered, after an event that tells it. */
  readonly create: (owner: KubeObject, pod: Pod) => Promise<Pod>
  /** A Pod that is gone already counts as deleted. */
  readonly delete: (owner: KubeObject, pod: Pod) => Promise<void>
  /** Gives an orphan to the owner. */
  readonly adopt: (reference: OwnerReference, pod: Pod, finalizers?: readonly string[]) => Promise<void>
  /** Takes our reference off a Pod whose labels no longer match. */
  readonly release: (owner: KubeObject, pod: Pod, finalizer?: string) => Promise<void>
}

/** A Pod of a template, to be named by the API server after its owner. */
export const podFromTemplate = (
  owner: KubeObject,
  template: PodTemplateSpec | undefined,
  reference: OwnerReference,
): Pod => {
  const { labels, annotations, finalizers } = template?.metadata ?? {}
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      generateName: `${nameOf(owner)}-`,
      namespace: namespaceOf(owner),
      ownerReferences: [reference],
      ...(labels && { labels }),
      ...(annotations && { annotations }),
      ...(finalizers && { finalizers }),
    },
    ...(template?.spec && { spec: template.spec }),
  }
}

export const createPodControl = (client: RestClient, events: EventRecorder): PodControl => ({
  create: async (owner, pod) => {
    try {
      const created = await client.create(pods, pod)
      events.event(owner, 'Normal', 'SuccessfulCreate', `Created pod: ${nameOf(created)}`)
      return created
    } catch (error) {
      // A namespace on its way out refuses everything: nobody needs to read that.
      if (!isNamespaceTerminating(error))
        events.event(owner, 'Warning', 'FailedCreate', `Error creating: ${messageOf(error)}`)
      throw error
    }
  },
  delete: async (owner, pod) => {
    try {
      await client.delete(pods, nameOf(pod), namespaceOf(pod), { preconditions: { uid: uidOf(pod) } })
      events.event(owner, 'Normal', 'SuccessfulDelete', `Deleted pod: ${nameOf(pod)}`)
    } catch (error) {
      // Conflict: another Pod has the name by now.
      if (isReason(error, 'NotFound', 'Conflict')) return
      events.event(owner, 'Warning', 'FailedDelete', `Error deleting: ${messageOf(error)}`)
      throw error
    }
  },
  adopt: async (reference, pod, finalizers) => {
    const metadata = {
      ownerReferences: [reference],
      uid: uidOf(pod),
      ...(finalizers === undefined ? {} : { finalizers }),
    }
    await client.patch(pods, nameOf(pod), namespaceOf(pod), { metadata }, { type: 'strategic' })
  },
  release: async (owner, pod, finalizer) => {
    const metadata = {
      ownerReferences: [{ $patch: 'delete', uid: uidOf(owner) }],
      uid: uidOf(pod),
      ...(finalizer === undefined ? {} : { '$deleteFromPrimitiveList/finalizers': [finalizer] }),
    }
    try {
      await client.patch(pods, nameOf(pod), namespaceOf(pod), { metadata }, { type: 'strategic' })
    } catch (error) {
      // Gone, or another Pod of the name: there is nothing to release.
      if (!isReason(error, 'NotFound', 'Invalid')) throw error
    }
  },
})
