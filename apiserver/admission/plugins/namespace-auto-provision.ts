/** NamespaceAutoProvision: a namespace comes into being with the first thing that is created in it. */
import { StatusError } from '../../../api/meta/status-error.ts'
import { ensureExists } from '../../bootstrap/ensure.ts'
import type { Resource } from '../../registry/resource.ts'
import type { AdmissionPlugin } from '../admission.ts'
import { admissionForbidden } from '../forbidden.ts'

export const namespaceAutoProvision = (namespaces: Resource): AdmissionPlugin => ({
  name: 'NamespaceAutoProvision',
  operations: ['CREATE'],
  admit: async (attributes) => {
    const { dryRun, namespace, kind } = attributes
    if (dryRun || namespace === '' || (kind.kind === 'Namespace' && kind.group === '')) return
    try {
      await ensureExists(namespaces, { kind: 'Namespace', apiVersion: 'v1', metadata: { name: namespace } })
    } catch (error) {
      throw admissionForbidden(attributes, StatusError.from(error).message)
    }
  },
})
