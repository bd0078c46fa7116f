/**
 * Nobody grants what he does not hold: roles and bindings are checked against the writer's own rules, unless he may
 * `escalate` (roles) or `bind` (bindings). Upstream does this in the storage of these kinds (policybased).
 */
import { semanticEqual } from '../../../api/meta/equal.ts'
import { notFound } from '../../../api/meta/status-error.ts'
import type { ClusterRole, KubeObject, RoleBinding } from '../../../api/types.ts'
import { systemMasters } from '../../authentication/user.ts'
import { aggregate, type Authorizer, resourceAttributes } from '../../authorization/authorizer.ts'
import type { RbacAuthorizer } from '../../authorization/rbac.ts'
import type { PolicyRule } from '../../authorization/rbac-rules.ts'
import { compactRule, compactRules, uncoveredRules } from '../../authorization/rule-coverage.ts'
import type { Resources } from '../../registry/resources.ts'
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
  const { rules, missing: unknown } = rbac.rulesFor(user, namespace)
  const missing = uncoveredRules(rules, wanted)
  if (missing.length === 0) return
  const shown = [...new Set(compactRules(missing).map(compactRule))].toSorted().join('\n')
  const groups = user.groups.map((name) => JSON.stringify(name)).join(' ')
  const unresolved = aggregate(unknown.map((text) => new Error(text)))
  throw admissionForbidden(
    attributes,
    `user ${JSON.stringify(user.name)} (groups=[${groups}]) is attempting to grant RBAC permissions not currently held:\n${shown}${
      unresolved === undefined ? '' : `; resolution errors: [${unresolved.message}]`
    }`,
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

/** What the garbage collector changes so that an object can go. Upstream: IsOnlyMutatingGCFields */
const isForGarbageCollection = (object: KubeObject, old: KubeObject): boolean => {
  const without = ({ metadata, ...rest }: KubeObject): object => {
    const {
      ownerReferences: _o,
      finalizers: _f,
      selfLink: _s,
      managedFields: _m,
      resourceVersion: _r,
      ...kept
    } = metadata ?? {}
    return { ...rest, metadata: kept }
  }
  return semanticEqual(without(object), without(old))
}

/** Who aggregates takes whatever the labels select, now and later. */
const fullAuthority: readonly PolicyRule[] = [
  { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
  { verbs: ['*'], nonResourceURLs: ['*'] },
]

/** A change of labels alone counts, too: they can put a role into another one. */
const checkRole = async (attributes: AdmissionAttributes, deps: Deps): Promise<void> => {
  const role = attributes.object as ClusterRole
  const old = attributes.oldObject as ClusterRole | undefined
  if (old !== undefined && isForGarbageCollection(role, old)) return
  // Upstream asks with the name of the request's path: a creation has none.
  const name = old === undefined ? '' : (role.metadata?.name ?? '')
  if (await may(deps, attributes, 'escalate', attributes.resource, name)) return
  checkCovered(attributes, deps, role.rules ?? [])
  if (role.aggregationRule === undefined && old?.aggregationRule === undefined) return
  if (uncoveredRules(deps.rbac.rulesFor(attributes.user, '').rules, fullAuthority).length === 0) return
  throw admissionForbidden(attributes, 'must have cluster-admin privileges to use the aggregationRule')
}

const checkBinding = async (attributes: AdmissionAttributes, deps: Deps): Promise<void> => {
  const { roleRef } = attributes.object as RoleBinding
  const old = attributes.oldObject as RoleBinding | undefined
  if (old !== undefined && isForGarbageCollection(attributes.object as RoleBinding, old)) return
  const resource = roleRef.kind === 'Role' ? 'roles' : 'clusterroles'
  if (await may(deps, attributes, 'bind', resource, roleRef.name)) return
  const { store } = deps.resources.get({ group, version: 'v1', resource })
  const key = roleRef.kind === 'Role' ? `${attributes.namespace}/${roleRef.name}` : roleRef.name
  const role = (await store.getCached(key))?.object as ClusterRole | undefined
  if (role === undefined) throw notFound({ group, resource }, roleRef.name)
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
