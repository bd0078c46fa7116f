/** Keeps the default roles and bindings: what is missing in them is added, what people added stays. */
import type { ClusterRole, ClusterRoleBinding, KubeObject } from '../../api/types.ts'
import { clusterRoleBindings, clusterRoles, roleBindings, roles } from '../authorization/bootstrap-policy/policy.ts'
import type { PolicyGates } from '../authorization/bootstrap-policy/rule.ts'
import type { Resources } from '../registry/resources.ts'
import { equalJson } from '../storage/json.ts'
import { ensureExists, ensureLike } from './ensure.ts'

const autoUpdate = 'rbac.authorization.kubernetes.io/autoupdate'

const withMissing = <T>(present: readonly T[] | undefined, wanted: readonly T[] | undefined): T[] => [
  ...(present ?? []),
  ...(wanted ?? []).filter((item) => !(present ?? []).some((other) => equalJson(other, item))),
]

/** True if the existing object lacks nothing that it should have, or is not to be touched. */
const isComplete = (current: KubeObject, wanted: KubeObject): boolean => {
  if (current.metadata?.annotations?.[autoUpdate] === 'false') return true
  const lacks = (field: 'rules' | 'subjects'): boolean => {
    // Rules of aggregated roles are the aggregation controller's.
    if (field === 'rules' && (wanted as ClusterRole).aggregationRule !== undefined) return false
    const present = (current[field] as unknown[] | undefined) ?? []
    return withMissing(present, wanted[field] as unknown[] | undefined).length > present.length
  }
  return !lacks('rules') && !lacks('subjects')
}

const mend = (wanted: KubeObject) => (current: KubeObject) => {
  if ('rules' in wanted)
    (current as ClusterRole).rules = withMissing((current as ClusterRole).rules, (wanted as ClusterRole).rules)
  if ('subjects' in wanted) {
    const binding = current as ClusterRoleBinding
    binding.subjects = withMissing(binding.subjects, (wanted as ClusterRoleBinding).subjects)
  }
}

export const reconcileRbac = async (resources: Resources, gates: PolicyGates): Promise<void> => {
  const reconcile = async (plural: string, objects: readonly KubeObject[]): Promise<void> => {
    const resource = resources.get({ group: 'rbac.authorization.k8s.io', version: 'v1', resource: plural })
    await resource.store.cache.ready()
    await Promise.all(
      objects.map(async (object) => {
        const { namespace, name = '' } = object.metadata ?? {}
        const entry = resource.store.cache.get(namespace === undefined ? name : `${namespace}/${name}`)
        if (entry === undefined) await ensureExists(resource, object)
        else if (!isComplete(entry.object, object)) await ensureLike(resource, object, mend(object))
      }),
    )
  }
  await Promise.all([
    reconcile('clusterroles', clusterRoles(gates)),
    reconcile('clusterrolebindings', clusterRoleBindings(gates)),
    reconcile('roles', roles),
    reconcile('rolebindings', roleBindings),
  ])
}
