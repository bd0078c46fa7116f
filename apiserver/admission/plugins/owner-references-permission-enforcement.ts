/**
 * OwnerReferencesPermissionEnforcement: who changes what an object hangs on must be able to delete the object, and who
 * makes it hold up its owner's deletion, to set the owner's finalizers. Upstream: plugin/pkg/admission/gc
 */
import { semanticEqual } from '../../../api/meta/equal.ts'
import type { KubeObject, OwnerReference } from '../../../api/types.ts'
import { type Authorizer, resourceAttributes } from '../../authorization/authorizer.ts'
import type { Resources } from '../../registry/resources.ts'
import { type AdmissionAttributes, type AdmissionPlugin, isResource } from '../admission.ts'
import { admissionForbidden } from '../forbidden.ts'

const ownersOf = (object: KubeObject | undefined): readonly OwnerReference[] => object?.metadata?.ownerReferences ?? []

/** References that block now and did not before. */
const newlyBlocking = ({ object, oldObject }: AdmissionAttributes): OwnerReference[] => {
  const blockedBefore = new Set(
    ownersOf(oldObject)
      .filter(({ blockOwnerDeletion }) => blockOwnerDeletion === true)
      .map(({ uid }) => uid),
  )
  return ownersOf(object).filter(
    ({ blockOwnerDeletion, uid }) => blockOwnerDeletion === true && !blockedBefore.has(uid),
  )
}

type Asked = Parameters<typeof resourceAttributes>[1]

export const ownerReferencesPermissionEnforcement = (authorizer: Authorizer, resources: Resources): AdmissionPlugin => {
  const decide = async ({ user }: AdmissionAttributes, asked: Asked) =>
    authorizer.authorize(resourceAttributes(user, asked))

  const checkDelete = async (attributes: AdmissionAttributes): Promise<void> => {
    const { namespace, group, version, resource, subresource, name } = attributes
    const asked = { verb: 'delete', namespace, group, version, resource, subresource, name }
    const decision = await decide(attributes, asked)
    if (decision.type === 'allow') return
    throw admissionForbidden(
      attributes,
      `cannot set an ownerRef on a resource you can't delete: ${decision.reason}, <nil>`,
    )
  }

  const checkFinalizers = async (attributes: AdmissionAttributes, owner: OwnerReference): Promise<void> => {
    const { apiVersion, kind, name } = owner
    const [version = '', group = ''] = apiVersion.split('/').toReversed()
    const resource = [...resources.all()].find(
      ({ definition }) => definition.group === group && definition.version === version && definition.kind === kind,
    )
    if (resource === undefined) {
      throw admissionForbidden(
        attributes,
        `cannot set blockOwnerDeletion in this case because cannot find RESTMapping for APIVersion ${apiVersion} Kind ${kind}: no matches for kind ${JSON.stringify(kind)} in version ${JSON.stringify(apiVersion)}`,
      )
    }
    const decision = await decide(attributes, {
      verb: 'update',
      namespace: resource.namespaced ? attributes.namespace : '',
      group,
      version,
      resource: resource.definition.plural,
      subresource: 'finalizers',
      name,
    })
    if (decision.type === 'allow') return
    throw admissionForbidden(
      attributes,
      `cannot set blockOwnerDeletion if an ownerReference refers to a resource you can't set finalizers on: ${decision.reason}, <nil>`,
    )
  }

  return {
    name: 'OwnerReferencesPermissionEnforcement',
    operations: ['CREATE', 'UPDATE'],
    validate: async (attributes) => {
      // The strategy of this one keeps owners as they are.
      if (isResource(attributes, 'pods', 'status')) return
      const { object, oldObject, operation } = attributes
      if (semanticEqual(ownersOf(object), ownersOf(oldObject))) return
      // Who creates could as well not have: that needs no permission to delete.
      if (operation !== 'CREATE') await checkDelete(attributes)
      const blocking = newlyBlocking(attributes)
      if (blocking.length === 0) return
      const everything = {
        verb: 'update',
        group: '*',
        version: '*',
        resource: '*',
        subresource: 'finalizers',
        name: '*',
      }
      if ((await decide(attributes, everything)).type === 'allow') return
      for (const owner of blocking) await checkFinalizers(attributes, owner)
    },
  }
}
