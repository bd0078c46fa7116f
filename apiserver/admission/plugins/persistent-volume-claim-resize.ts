/** PersistentVolumeClaimResize: a claim grows only if it is bound and its class says that its volumes can. */
import { requestedStorage, storageClassOf } from '../../../api/core/volume-matching.ts'
import { compareQuantities } from '../../../api/meta/quantity.ts'
import type { PersistentVolumeClaim, StorageClass } from '../../../api/types.ts'
import type { Resource } from '../../registry/resource.ts'
import { type AdmissionPlugin, isResource } from '../admission.ts'
import { admissionForbidden } from '../forbidden.ts'

export const persistentVolumeClaimResize = (classes: Resource): AdmissionPlugin => ({
  name: 'PersistentVolumeClaimResize',
  operations: ['UPDATE'],
  validate: async (attributes) => {
    if (!isResource(attributes, 'persistentvolumeclaims')) return
    const claim = attributes.object as PersistentVolumeClaim
    const old = attributes.oldObject as PersistentVolumeClaim
    if (compareQuantities(requestedStorage(claim), requestedStorage(old)) <= 0) return
    if (old.status?.phase !== 'Bound')
      throw admissionForbidden(attributes, 'Only bound persistent volume claims can be expanded')
    const name = storageClassOf(claim)
    const found =
      name === '' || name !== storageClassOf(old)
        ? undefined
        : ((await classes.store.getCached(name))?.object as StorageClass | undefined)
    if (found?.allowVolumeExpansion === true) return
    throw admissionForbidden(
      attributes,
      'only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize',
    )
  },
})
