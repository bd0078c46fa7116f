/** Claims, volumes and their classes are not removed while in use: a finalizer that the protection controllers take away. */
import { type AdmissionPlugin, isResource } from '../admission.ts'

const finalizers: Readonly<Record<string, { readonly group: string; readonly finalizer: string }>> = {
  persistentvolumeclaims: { group: '', finalizer: 'kubernetes.io/pvc-protection' },
  persistentvolumes: { group: '', finalizer: 'kubernetes.io/pv-protection' },
  volumeattributesclasses: { group: 'storage.k8s.io', finalizer: 'kubernetes.io/vac-protection' },
}

export const storageObjectInUseProtection: AdmissionPlugin = {
  name: 'StorageObjectInUseProtection',
  operations: ['CREATE'],
  admit: (attributes) => {
    const { resource, object } = attributes
    const known = finalizers[resource]
    if (known === undefined || object === undefined || !isResource(attributes, resource, '', known.group)) return
    const { finalizer } = known
    const metadata = (object.metadata ??= {})
    const present = metadata.finalizers ?? []
    if (!present.includes(finalizer)) metadata.finalizers = [...present, finalizer]
  },
}
