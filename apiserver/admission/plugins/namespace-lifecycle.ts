/** NamespaceLifecycle: nothing is created in a namespace that is absent or going; the system's are not deleted. */
import { forbidden, notFound, StatusError } from '../../../api/meta/status-error.ts'
import type { Namespace } from '../../../api/types.ts'
import type { Clock } from '../../../component-base/clock.ts'
import type { Resource } from '../../registry/resource.ts'
import type { AdmissionAttributes, AdmissionPlugin } from '../admission.ts'
import { admissionForbidden } from '../forbidden.ts'

const immortal = new Set(['default', 'kube-system', 'kube-public'])
/** Reviews look at a namespace that need not exist, and must not tell whether it does. */
const accessReviews = new Set(['localsubjectaccessreviews'])
/** How long the cache is not believed that a namespace lives whose deletion was asked for here. */
const distrustMs = 30_000

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

export const namespaceLifecycle = (namespaces: Resource, clock: Clock): AdmissionPlugin => {
  /** When each namespace was last asked to go, oldest first. */
  const deletions = new Map<string, number>()
  const noteDeletion = (name: string): void => {
    const now = clock.now()
    for (const [noted, at] of deletions) {
      if (now - at < distrustMs) break
      deletions.delete(noted)
    }
    deletions.delete(name)
    deletions.set(name, now)
  }
  const find = async (name: string): Promise<Namespace | undefined> => {
    const found = (await namespaces.store.getCached(name))?.object as Namespace | undefined
    const deletedAt = deletions.get(name)
    const isDoubtful = deletedAt !== undefined && clock.now() - deletedAt < distrustMs
    if (found === undefined || !isDoubtful || found.status?.phase === 'Terminating') return found
    return (await namespaces.store.getLive(name))?.object as Namespace | undefined
  }
  return {
    name: 'NamespaceLifecycle',
    operations: ['CREATE', 'UPDATE', 'DELETE'],
    admit: async (attributes) => {
      const { operation, namespace, kind, resource, name } = attributes
      if (kind.kind === 'Namespace' && kind.group === '') {
        if (operation !== 'DELETE') return
        if (immortal.has(name)) throw forbidden(namespaces.groupResource, name, 'this namespace may not be deleted')
        noteDeletion(name)
        return
      }
      if (namespace === '' || operation !== 'CREATE' || accessReviews.has(resource)) return
      const found = await find(namespace)
      if (found === undefined) throw notFound(namespaces.groupResource, namespace)
      if (found.status?.phase === 'Terminating') throw terminating(attributes, namespace)
    },
  }
}
