/**
 * Nobody grants what he does not hold: roles and bindings are checked against the writer's own rules, unless he may
 * `escalate` (roles) or `bind` (bindings). Upstream does this in the storage of these kinds (policybased).
 */
import type { ClusterRole, RoleBinding } from '../../../api/types.ts'
import { systemMasters } from '../../authentication/user.ts'
import { type Authorizer, resourceAttributes } from '../../authorization/authorizer.ts'
import type { RbacAuthorizer } from '../../authorization/rbac.ts'
import type { PolicyRule } from '../../authorization/rbac-rules.ts'
import { compactRule, uncoveredRules } from '../../authorization/rule-coverage.ts'
import type { Resources } from '../../registry/resources.ts'
import { equalJson } from '../../storage/json.ts'
import type { AdmissionAttributes, AdmissionPlugin } from '../admission.ts'
import { admissionForbidden } from '../forbidden.ts'

const group = 'rbac.authorization.k8s.io'
const roleKinds = new Set(['roles', 'clusterroles'])
const bindingKinds = new Set(['rolebindings', 'clusterrolebindings'])

interface Deps {
  readonly rbac: RbacAuthorizer
  readonly authorizer: Authorizer
  readonly resources: Resources
}

const checkCovered = (attributes: AdmissionAttributes, { rbac }: Deps, wanted: readonly PolicyRule[]): void => {
  const { user, namespace } = attributes
  const { rules } = rbac.rulesFor(user, namespace)
  const missing = uncoveredRules(rules, wanted)
  if (missing.length === 0) return
  const shown = [...new Set(missing.map(compactRule))].toSorted().join('\n')
  const groups = user.groups.map((name) => JSON.stringify(name)).join(' ')
  throw admissionForbidden(
    attributes,
    `user ${JSON.stringify(user.name)} (groups=[${groups}]) is attempting to grant RBAC permissions not currently held:\n${shown}`,
  )
}

const may = async (
  { authorizer }: Deps,
  attributes: AdmissionAttributes,
  verb: string,
  resource: string,
  name: string,
): Promise<boolean> => {
  const decision = await authorizer.authorize(
    resourceAttributes(attributes.user, {
      verb,
      group,
      version: 'v1',
      resource,
      name,
      namespace: attributes.namespace,
    }),
  )
  return decision.type === 'allow'
}

const checkRole = async (attributes: AdmissionAttributes, deps: Deps): Promise<void> => {
  const role = attributes.object as ClusterRole
  const old = attributes.oldObject as ClusterRole | undefined
  if (
    old !== undefined &&
    equalJson(role.rules ?? [], old.rules ?? []) &&
    equalJson(role.aggregationRule, old.aggregationRule)
  )
    return
  if (await may(deps, attributes, 'escalate', attributes.resource, role.metadata?.name ?? '')) return
  checkCovered(attributes, deps, role.rules ?? [])
  // Who aggregates takes whatever the labels select, now and later.
  if (role.aggregationRule !== undefined)
    checkCovered(attributes, deps, [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }])
}

const checkBinding = async (attributes: AdmissionAttributes, deps: Deps): Promise<void> => {
  const { roleRef, subjects = [] } = attributes.object as RoleBinding
  const old = attributes.oldObject as RoleBinding | undefined
  if (old !== undefined && equalJson(subjects, old.subjects ?? []) && equalJson(roleRef, old.roleRef)) return
  const resource = roleRef.kind === 'Role' ? 'roles' : 'clusterroles'
  if (await may(deps, attributes, 'bind', resource, roleRef.name)) return
  const { store } = deps.resources.get({ group, version: 'v1', resource })
  const key = roleRef.kind === 'Role' ? `${attributes.namespace}/${roleRef.name}` : roleRef.name
  const role = (await store.getCached(key))?.object as ClusterRole | undefined
  if (role === undefined) {
    throw admissionForbidden(attributes, `${resource}.${group} ${JSON.stringify(roleRef.name)} not found`)
  }
  checkCovered(attributes, deps, role.rules ?? [])
}

export const rbacEscalation = (
  rbac: RbacAuthorizer,
  authorizer: Authorizer,
  resources: Resources,
): AdmissionPlugin => ({
  name: 'RBACEscalation',
  operations: ['CREATE', 'UPDATE'],
  validate: (attributes) => {
    if (attributes.group !== group || attributes.subresource !== '' || attributes.user.groups.includes(systemMasters))
      return undefined
    const deps = { rbac, authorizer, resources }
    if (roleKinds.has(attributes.resource)) return checkRole(attributes, deps)
    if (bindingKinds.has(attributes.resource)) return checkBinding(attributes, deps)
    return undefined
  },
})
