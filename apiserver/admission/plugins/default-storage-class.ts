/** DefaultStorageClass: claims that name no class get the default one. */
import { isDefaultStorageClass } from '../../../api/storage/default-class.ts'
import type { PersistentVolumeClaim } from '../../../api/types.ts'
import type { Resource } from '../../registry/resource.ts'
import { type AdmissionPlugin, isResource } from '../admission.ts'
import { newestDefault } from './newest-default.ts'

const classAnnotation = 'volume.beta.kubernetes.io/storage-class'

export const defaultStorageClass = (classes: Resource): AdmissionPlugin => ({
  name: 'DefaultStorageClass',
  operations: ['CREATE'],
  admit: async (attributes) => {
    if (!isResource(attributes, 'persistentvolumeclaims')) return
    const { spec, metadata } = attributes.object as PersistentVolumeClaim
    // '' is a choice: no class at all.
    if (spec === undefined || spec.storageClassName !== undefined) return
    if (metadata?.annotations?.[classAnnotation] !== undefined) return
    const found = await newestDefault(classes, isDefaultStorageClass)
    if (found?.metadata?.name !== undefined) spec.storageClassName = found.metadata.name
  },
})
