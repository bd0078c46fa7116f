/** Claims that name no class get the default one: the newest of those that are marked. */
import type { PersistentVolumeClaim, StorageClass } from '../../../api/types.ts'
import type { Resource } from '../../registry/resource.ts'
import { type AdmissionPlugin, isResource } from '../admission.ts'

const marks = ['storageclass.kubernetes.io/is-default-class', 'storageclass.beta.kubernetes.io/is-default-class']

export const defaultStorageClass = (classes: Resource): AdmissionPlugin => ({
  name: 'DefaultStorageClass',
  operations: ['CREATE'],
  admit: async (attributes) => {
    if (!isResource(attributes, 'persistentvolumeclaims')) return
    const spec = (attributes.object as PersistentVolumeClaim | undefined)?.spec
    if (spec === undefined || spec.storageClassName !== undefined) return
    await classes.store.cache.ready()
    const [newest] = classes.store.cache
      .range()
      .map(({ object }) => object as StorageClass)
      .filter(({ metadata }) => marks.some((mark) => metadata?.annotations?.[mark] === 'true'))
      .toSorted((a, b) => ((a.metadata?.creationTimestamp ?? '') < (b.metadata?.creationTimestamp ?? '') ? 1 : -1))
    if (newest?.metadata?.name !== undefined) spec.storageClassName = newest.metadata.name
  },
})
