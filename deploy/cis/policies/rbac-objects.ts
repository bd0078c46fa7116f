/** Roles and bindings of a cluster, against those that every cluster has. */
import {
  clusterRoleBindings as clusterRoleBindingsRef,
  clusterRoles as clusterRolesRef,
  roleBindings as roleBindingsRef,
  roles as rolesRef,
} from '../../../api/resources.ts'
import type { ClusterRole, ClusterRoleBinding, KubeObject, Role, RoleBinding } from '../../../api/types.ts'
import { resourceAttributes } from '../../../apiserver/authorization/authorizer.ts'
import {
  clusterRoleBindings,
  clusterRoles,
  roleBindings,
  roles,
} from '../../../apiserver/authorization/bootstrap-policy/policy.ts'
import { ruleAllows } from '../../../apiserver/authorization/rbac-rules.ts'
import { addonObjects, adminBinding } from '../../addons.ts'
import type { Evidence } from '../evidence.ts'

type AnyRole = ClusterRole | Role
type AnyBinding = ClusterRoleBinding | RoleBinding
type Subject = NonNullable<AnyBinding['subjects']>[number]

export interface RbacObjects {
  readonly roles: readonly AnyRole[]
  readonly bindings: readonly AnyBinding[]
}

export const loadRbac = async ({ api }: Evidence): Promise<RbacObjects> => {
  const [a, b, c, d] = await Promise.all([
    api.list<ClusterRole>(clusterRolesRef),
    api.list<Role>(rolesRef),
    api.list<ClusterRoleBinding>(clusterRoleBindingsRef),
    api.list<RoleBinding>(roleBindingsRef),
  ])
  // Objects of a list do not say their kind; here it tells a role of the cluster from one of a namespace.
  return { roles: [...a.items, ...b.items], bindings: [...c.items, ...d.items] }
}

const isOfKind = (object: KubeObject, ...kinds: readonly string[]): boolean => kinds.includes(object.kind ?? '')

/** Whatever gates a server has: more rules than it made are no harm here. */
const gates = { ClusterTrustBundle: true }

/** What the API server makes at its start, and the launcher after it. */
const builtIn = ({ config, layout }: Evidence): RbacObjects => {
  const addons = [adminBinding, ...addonObjects(config, layout)]
  return {
    roles: [
      ...clusterRoles(gates),
      ...roles,
      ...(addons.filter((o) => isOfKind(o, 'ClusterRole', 'Role')) as AnyRole[]),
    ],
    bindings: [
      ...clusterRoleBindings(gates),
      ...roleBindings,
      ...(addons.filter((o) => isOfKind(o, 'ClusterRoleBinding', 'RoleBinding')) as AnyBinding[]),
    ],
  }
}

const namespaceOf = ({ metadata }: KubeObject): string => metadata?.namespace ?? ''

export const roleKey = (role: AnyRole): string => `${namespaceOf(role)}/${role.metadata?.name ?? ''}`
const boundRoleKey = (binding: AnyBinding): string =>
  `${binding.roleRef.kind === 'Role' ? namespaceOf(binding) : ''}/${binding.roleRef.name}`

const subjectName = ({ kind, name, namespace }: Subject, binding: AnyBinding): string =>
  kind === 'ServiceAccount' ? `ServiceAccount ${namespace ?? namespaceOf(binding)}/${name}` : `${kind} ${name}`

/** A subject of a binding, as lists of findings name it. */
const grantName = (binding: AnyBinding, subject: Subject): string => {
  const namespace = namespaceOf(binding)
  const where = namespace === '' ? 'everywhere' : `in ${namespace}`
  return `${subjectName(subject, binding)} ${where} (${binding.metadata?.name ?? ''})`
}

/** Everybody who is anybody, or nobody: no right should be theirs. */
const isBroad = ({ kind, name }: Subject): boolean =>
  (kind === 'Group' &&
    (['system:authenticated', 'system:unauthenticated', 'system:serviceaccounts'].includes(name) ||
      name.startsWith('system:serviceaccounts:'))) ||
  (kind === 'User' && name === 'system:anonymous') ||
  (kind === 'ServiceAccount' && name === 'default')

export interface Right {
  readonly verbs: readonly string[]
  readonly group: string
  readonly resource: string
  readonly subresource?: string
}

const roleAllows = (role: AnyRole | undefined, { verbs, ...of }: Right): boolean =>
  (role?.rules ?? []).some((rule) =>
    verbs.some((verb) =>
      ruleAllows(resourceAttributes({ name: '', uid: '', groups: [], extra: {} }, { verb, ...of }), rule),
    ),
  )

export interface Grants {
  /** To groups that nearly everybody is in. */
  readonly broad: readonly string[]
  /** To somebody by name. */
  readonly named: readonly string[]
}

const byKey = (all: readonly AnyRole[]): ReadonlyMap<string, AnyRole> => new Map(all.map((r) => [roleKey(r), r]))

/** Who has a right that no cluster grants by itself. Administrators of the cluster are a matter of their own. */
export const grantsOf = async (evidence: Evidence, rights: readonly Right[]): Promise<Grants> => {
  const { roles: live, bindings } = await evidence.rbac()
  const known = builtIn(evidence)
  const [liveRoles, knownRoles] = [byKey(live), byKey(known.roles)]
  const bindingKey = (binding: AnyBinding, subject: Subject): string =>
    [namespaceOf(binding), binding.metadata?.name, boundRoleKey(binding), subjectName(subject, binding)].join('|')
  const expected = new Set(known.bindings.flatMap((b) => (b.subjects ?? []).map((subject) => bindingKey(b, subject))))
  const broad: string[] = []
  const named: string[] = []
  for (const binding of bindings) {
    const key = boundRoleKey(binding)
    if (key === '/cluster-admin') continue
    const found = rights.filter((right) => roleAllows(liveRoles.get(key), right))
    for (const subject of found.length === 0 ? [] : (binding.subjects ?? [])) {
      const isExpected =
        expected.has(bindingKey(binding, subject)) && found.every((right) => roleAllows(knownRoles.get(key), right))
      if (!isExpected) (isBroad(subject) ? broad : named).push(grantName(binding, subject))
    }
  }
  return { broad, named }
}

/** Subjects bound to a role, other than those that every cluster binds. */
export const subjectsOf = async (evidence: Evidence, role: string): Promise<string[]> => {
  const expected = new Set(
    builtIn(evidence)
      .bindings.filter((binding) => boundRoleKey(binding) === role)
      .flatMap((binding) => (binding.subjects ?? []).map((subject) => subjectName(subject, binding))),
  )
  const { bindings } = await evidence.rbac()
  return bindings
    .filter((binding) => boundRoleKey(binding) === role)
    .flatMap((binding) =>
      (binding.subjects ?? []).flatMap((subject) =>
        expected.has(subjectName(subject, binding)) ? [] : [grantName(binding, subject)],
      ),
    )
}

/** Bindings of subjects of this kind whose name begins so, other than those that every cluster has. */
export const boundSubjects = async (
  evidence: Evidence,
  matches: (subject: { readonly kind: string; readonly name: string; readonly namespace: string }) => boolean,
): Promise<string[]> => {
  const names = new Set(builtIn(evidence).bindings.map(({ metadata }) => metadata?.name))
  const { bindings } = await evidence.rbac()
  return bindings
    .filter(({ metadata }) => !names.has(metadata?.name))
    .flatMap((binding) =>
      (binding.subjects ?? [])
        .filter(({ kind, name, namespace }) => matches({ kind, name, namespace: namespace ?? namespaceOf(binding) }))
        .map((subject) => grantName(binding, subject)),
    )
}

/** Roles that somebody made, other than those of every cluster. */
export const ownRoles = async (evidence: Evidence): Promise<readonly AnyRole[]> => {
  const known = byKey(builtIn(evidence).roles)
  return (await evidence.rbac()).roles.filter((role) => !known.has(roleKey(role)))
}
