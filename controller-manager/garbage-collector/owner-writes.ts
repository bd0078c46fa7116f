/** The patches of the garbage collector. All of them are harmless when repeated. */
import { isReason } from '../../api/meta/status-error.ts'
import type { ResourceRef } from '../../api/resources.ts'
import type { KubeObject, OwnerReference } from '../../api/types.ts'
import type { RestClient } from '../../client/rest/rest-client.ts'
import { uidOf } from '../objects.ts'

interface Target {
  readonly name: string
  readonly namespace: string | undefined
  readonly uid: string
}

export interface OwnerWrites {
  /** Takes references to these owners off. */
  readonly dropReferences: (ref: ResourceRef, target: Target, uids: readonly string[]) => Promise<void>
  /** Makes no reference hold its owner back any more. */
  readonly unblockReferences: (ref: ResourceRef, target: Target, references: readonly OwnerReference[]) => Promise<void>
  readonly removeFinalizer: (ref: ResourceRef, target: Target, finalizer: string) => Promise<void>
}

const attempts = 5

/** Gone, or another object of the name: there is nothing left to do. */
const isGone = (error: unknown): boolean =>
  isReason(error, 'NotFound') || (isReason(error, 'Conflict', 'Invalid') && error.message.includes('uid'))

export const createOwnerWrites = (client: RestClient): OwnerWrites => {
  /** Reads, changes and writes metadata, again if somebody else wrote in between. */
  const change = async (
    ref: ResourceRef,
    { name, namespace, uid }: Target,
    mutate: (object: KubeObject) => object | undefined,
  ): Promise<void> => {
    for (let attempt = 1; ; attempt += 1) {
      try {
        const object = await client.get(ref, name, namespace)
        if (uidOf(object) !== uid) return
        const metadata = mutate(object)
        if (metadata === undefined) return
        const body = { metadata: { ...metadata, uid, resourceVersion: object.metadata?.resourceVersion } }
        await client.patch(ref, name, namespace, body, { type: 'merge' })
        return
      } catch (error) {
        if (isReason(error, 'NotFound')) return
        if (!isReason(error, 'Conflict') || attempt >= attempts) throw error
      }
    }
  }

  /** One strategic patch where the resource takes it; custom resources do not, and are read and merged. */
  const patchReferences = async (
    ref: ResourceRef,
    target: Target,
    ownerReferences: readonly object[],
    merge: (references: readonly OwnerReference[]) => OwnerReference[],
  ): Promise<void> => {
    const { name, namespace, uid } = target
    try {
      await client.patch(ref, name, namespace, { metadata: { ownerReferences, uid } }, { type: 'strategic' })
    } catch (error) {
      if (isGone(error)) return
      if (!isReason(error, 'UnsupportedMediaType')) throw error
      await change(ref, target, (object) => ({ ownerReferences: merge(object.metadata?.ownerReferences ?? []) }))
    }
  }

  return {
    dropReferences: (ref, target, uids) =>
      patchReferences(
        ref,
        target,
        uids.map((uid) => ({ $patch: 'delete', uid })),
        (references) => references.filter(({ uid }) => !uids.includes(uid)),
      ),
    unblockReferences: async (ref, target, references) => {
      const blocking = references.filter(({ blockOwnerDeletion }) => blockOwnerDeletion === true)
      if (blocking.length === 0) return
      await patchReferences(
        ref,
        target,
        blocking.map((reference) => ({ ...reference, blockOwnerDeletion: false })),
        (current) => current.map((reference) => ({ ...reference, blockOwnerDeletion: false })),
      )
    },
    removeFinalizer: (ref, target, finalizer) =>
      change(ref, target, ({ metadata }) => {
        const finalizers = metadata?.finalizers ?? []
        if (!finalizers.includes(finalizer)) return undefined
        return { finalizers: finalizers.filter((item) => item !== finalizer) }
      }),
  }
}
