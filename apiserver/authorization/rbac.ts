/**
 * Role-based access control from the in-process watch caches. An index from subject to roles is made when the policy
 * has changed; a request then looks at the roles of its own user and groups only.
 * Upstream: plugin/pkg/auth/authorizer/rbac
 */
import type { ClusterRole, ClusterRoleBinding, KubeObject, Role, RoleBinding } from '../../api/types.ts'
import type { UserInfo } from '../authentication/user.ts'
import type { Resources } from '../registry/resources.ts'
import type { WatchCache } from '../storage/watch-cache/watch-cache.ts'
import { aggregate, type Attributes, type Authorizer, type Decision } from './authorizer.ts'
import { type PolicyRule, ruleAllows } from './rbac-rules.ts'

interface Subject {
  /** In the index: `u:<user name>` or `g:<group>`. */
  readonly key: string
  /** `User "x"`, `Group "x"` or `ServiceAccount "name/namespace"`. */
  readonly description: string
}

interface BoundRole {
  readonly kind: string
  readonly name: string
  /** '' for cluster roles bound in the whole cluster. */
  readonly namespace: string
  readonly description: string
}

type BySubject = Map<string, BoundRole[]>

interface Index {
  readonly cluster: BySubject
  readonly namespaces: Map<string, BySubject>
}

export interface RbacAuthorizer extends Authorizer {
  /** All rules of a user in a namespace ('' for the cluster only), and roles that are bound but missing. */
  rulesFor(user: UserInfo, namespace: string): { rules: readonly PolicyRule[]; missing: readonly string[] }
  /** Resolves when the policy is loaded. */
  ready(): Promise<void>
}

type Subjects = ClusterRoleBinding['subjects']

const subjectsOf = (subjects: Subjects, bindingNamespace: string): Subject[] =>
  (subjects ?? []).flatMap(({ kind, name, namespace }) => {
    switch (kind) {
      case 'User':
        return [{ key: `u:${name}`, description: `User ${JSON.stringify(name)}` }]
      case 'Group':
        return [{ key: `g:${name}`, description: `Group ${JSON.stringify(name)}` }]
      case 'ServiceAccount': {
        const of = namespace ?? bindingNamespace
        const description = `ServiceAccount ${JSON.stringify(`${name}/${of}`)}`
        return of === '' ? [] : [{ key: `u:system:serviceaccount:${of}:${name}`, description }]
      }
      default:
        return []
    }
  })

const keysOf = (user: UserInfo): string[] => [`u:${user.name}`, ...user.groups.map((group) => `g:${group}`)]

const addBinding = (index: BySubject, binding: ClusterRoleBinding | RoleBinding, namespace: string): void => {
  const { roleRef, subjects, metadata } = binding
  const where = namespace === '' ? 'ClusterRoleBinding' : 'RoleBinding'
  const shown = namespace === '' ? metadata?.name : `${metadata?.name}/${namespace}`
  for (const { key, description } of subjectsOf(subjects, namespace)) {
    const roles = index.get(key) ?? []
    roles.push({
      kind: roleRef.kind,
      name: roleRef.name,
      namespace,
      description: `${where} ${JSON.stringify(shown)} of ${roleRef.kind} ${JSON.stringify(roleRef.name)} to ${description}`,
    })
    index.set(key, roles)
  }
}

const group = 'rbac.authorization.k8s.io'

export const createRbacAuthorizer = (resources: Resources): RbacAuthorizer => {
  const cacheOf = (resource: string): WatchCache => resources.get({ group, version: 'v1', resource }).store.cache
  const clusterRoles = cacheOf('clusterroles')
  const roles = cacheOf('roles')
  const clusterRoleBindings = cacheOf('clusterrolebindings')
  const roleBindings = cacheOf('rolebindings')
  const caches = [clusterRoles, roles, clusterRoleBindings, roleBindings]

  let index: Index | undefined
  for (const cache of [clusterRoleBindings, roleBindings]) {
    cache.onChange(() => {
      index = undefined
    })
  }
  const objects = function* <T extends KubeObject>(cache: WatchCache): Generator<T> {
    for (const { object } of cache.values()) yield object as T
  }
  const currentIndex = (): Index => {
    if (index !== undefined) return index
    const fresh: Index = { cluster: new Map(), namespaces: new Map() }
    for (const binding of objects<ClusterRoleBinding>(clusterRoleBindings)) addBinding(fresh.cluster, binding, '')
    for (const binding of objects<RoleBinding>(roleBindings)) {
      const namespace = binding.metadata?.namespace ?? ''
      let ofNamespace = fresh.namespaces.get(namespace)
      if (ofNamespace === undefined) {
        ofNamespace = new Map()
        fresh.namespaces.set(namespace, ofNamespace)
      }
      addBinding(ofNamespace, binding, namespace)
    }
    index = fresh
    return fresh
  }
  const rulesOf = (role: BoundRole): readonly PolicyRule[] | undefined => {
    const entry = role.kind === 'Role' ? roles.get(`${role.namespace}/${role.name}`) : clusterRoles.get(role.name)
    return entry === undefined ? undefined : ((entry.object as ClusterRole | Role).rules ?? [])
  }
  const boundRoles = function* (user: UserInfo, namespace: string): Generator<BoundRole> {
    const { cluster, namespaces } = currentIndex()
    const local = namespace === '' ? undefined : namespaces.get(namespace)
    for (const key of keysOf(user)) {
      yield* cluster.get(key) ?? []
      if (local !== undefined) yield* local.get(key) ?? []
    }
  }
  const decide = (attributes: Attributes): Decision => {
    const missing: string[] = []
    for (const role of boundRoles(attributes.user, attributes.namespace)) {
      const rules = rulesOf(role)
      if (rules === undefined) {
        missing.push(`${role.kind.toLowerCase()}.${group} ${JSON.stringify(role.name)} not found`)
      } else if (rules.some((rule) => ruleAllows(attributes, rule))) {
        return { type: 'allow', reason: `RBAC: allowed by ${role.description}` }
      }
    }
    const errors = aggregate(missing.map((text) => new Error(text)))
    return { type: 'no-opinion', reason: errors === undefined ? '' : `RBAC: ${errors.message}` }
  }
  const ready = async (): Promise<void> => {
    await Promise.all(caches.map((cache) => cache.ready()))
  }
  const isReady = (): boolean => caches.every((cache) => cache.isReady)
  return {
    authorize: (attributes) => (isReady() ? decide(attributes) : ready().then(() => decide(attributes))),
    rulesFor: (user, namespace) => {
      const rules: PolicyRule[] = []
      const missing: string[] = []
      for (const role of boundRoles(user, namespace)) {
        const found = rulesOf(role)
        if (found === undefined)
          missing.push(`${role.kind.toLowerCase()}.${group} ${JSON.stringify(role.name)} not found`)
        else rules.push(...found)
      }
      return { rules, missing }
    },
    ready,
  }
}
