/** NamespaceExists: nothing is done in a namespace that is not there, updates and deletions included. */
import { notFound } from '../../../api/meta/status-error.ts'
import type { Resource } from '../../registry/resource.ts'
import type { AdmissionPlugin } from '../admission.ts'

export const namespaceExists = (namespaces: Resource): AdmissionPlugin => ({
  name: 'NamespaceExists',
  operations: ['CREATE', 'UPDATE', 'DELETE'],
  validate: async ({ namespace, kind }) => {
    if (namespace === '' || (kind.kind === 'Namespace' && kind.group === '')) return
    if ((await namespaces.store.getCached(namespace)) === undefined) throw notFound(namespaces.groupResource, namespace)
  },
})
