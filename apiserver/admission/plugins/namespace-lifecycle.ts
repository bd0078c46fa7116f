/** Nothing is created in a namespace that is absent or going; the system's namespaces are not deleted. */
import { forbidden, notFound, StatusError } from '../../../api/meta/status-error.ts'
import type { Namespace } from '../../../api/types.ts'
import type { Resource } from '../../registry/resource.ts'
import type { AdmissionAttributes, AdmissionPlugin } from '../admission.ts'
import { admissionForbidden } from '../forbidden.ts'

const immortal = new Set(['default', 'kube-system', 'kube-public'])
/** Reviews look at a namespace that need not exist. */
const accessReviews = new Set(['localsubjectaccessreviews'])

const terminating = (attributes: AdmissionAttributes, namespace: string): StatusError => {
  const base = admissionForbidden(
    attributes,
    `unable to create new content in namespace ${namespace} because it is being terminated`,
  )
  return new StatusError('Forbidden', base.message, {
    details: {
      ...base.details,
      causes: [
        {
          reason: 'NamespaceTerminating',
          message: `namespace ${namespace} is being terminated`,
          field: 'metadata.namespace',
        },
      ],
    },
  })
}

export const namespaceLifecycle = (namespaces: Resource): AdmissionPlugin => ({
  name: 'NamespaceLifecycle',
  operations: ['CREATE', 'UPDATE', 'DELETE'],
  admit: async (attributes) => {
    const { operation, namespace, group, resource, name } = attributes
    if (resource === 'namespaces' && group === '') {
      if (operation === 'DELETE' && immortal.has(name)) {
        throw forbidden({ group: '', resource: 'namespaces' }, name, 'this namespace may not be deleted')
      }
      return
    }
    if (namespace === '' || operation !== 'CREATE' || accessReviews.has(resource)) return
    const entry = await namespaces.store.getCached(namespace)
    if (entry === undefined) throw notFound({ group: '', resource: 'namespaces' }, namespace)
    if ((entry.object as Namespace).status?.phase === 'Terminating') throw terminating(attributes, namespace)
  },
})
