/** Claims and volumes are not removed while something uses them: a finalizer that the protection controllers take away. */
import { type AdmissionPlugin, isResource } from '../admission.ts'

const finalizers: Readonly<Record<string, string>> = {
  persistentvolumeclaims: 'kubernetes.io/pvc-protection',
  persistentvolumes: 'kubernetes.io/pv-protection',
}

export const storageObjectInUseProtection: AdmissionPlugin = {
  name: 'StorageObjectInUseProtection',
  operations: ['CREATE'],
  admit: (attributes) => {
    const finalizer = isResource(attributes, attributes.resource) ? finalizers[attributes.resource] : undefined
    if (finalizer === undefined || attributes.object === undefined) return
    const metadata = (attributes.object.metadata ??= {})
    const present = metadata.finalizers ?? []
    if (!present.includes(finalizer)) metadata.finalizers = [...present, finalizer]
  },
}
