/** Owner references: who an object belongs to, and which one of them manages it. */
import type { KubeObject, OwnerReference } from '../types.ts'

/** The one owner with `controller: true`. Upstream: metav1.GetControllerOf. */
export const controllerOf = (object: KubeObject): OwnerReference | undefined =>
  object.metadata?.ownerReferences?.find((reference) => reference.controller === true)

/** True if `owner` is the managing owner of `object`, by uid. */
export const isControlledBy = (object: KubeObject, owner: KubeObject): boolean => {
  const uid = owner.metadata?.uid
  return uid !== undefined && controllerOf(object)?.uid === uid
}

/** The reference that a controller puts on what it creates. Upstream: metav1.NewControllerRef. */
export const newControllerRef = (
  owner: KubeObject,
  type: { readonly group: string; readonly version: string; readonly kind: string },
): OwnerReference => ({
  apiVersion: type.group === '' ? type.version : `${type.group}/${type.version}`,
  kind: type.kind,
  name: owner.metadata?.name ?? '',
  uid: owner.metadata?.uid ?? '',
  controller: true,
  blockOwnerDeletion: true,
})
