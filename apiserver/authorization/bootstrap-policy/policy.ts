/** All roles and bindings that exist in every cluster. Upstream: plugin/pkg/auth/authorizer/rbac/bootstrappolicy */
import type { ClusterRole, ClusterRoleBinding, Role, RoleBinding } from '../../../api/types.ts'
import { componentRoles } from './component-roles.ts'
import { controllerRoles } from './controller-roles.ts'
import { type PolicyGates, read, type RoleSpec, rule } from './rule.ts'
import { userRoles } from './user-roles.ts'

const apiGroup = 'rbac.authorization.k8s.io'
const apiVersion = `${apiGroup}/v1`
const bootstrapLabels = { 'kubernetes.io/bootstrapping': 'rbac-defaults' }
const autoUpdate = { 'rbac.authorization.kubernetes.io/autoupdate': 'true' }

type Subject = NonNullable<ClusterRoleBinding['subjects']>[number]

const meta = (name: string, labels: Readonly<Record<string, string>> = {}) => ({
  name,
  annotations: { ...autoUpdate },
  labels: { ...bootstrapLabels, ...labels },
})

const clusterRole = ({ name, rules, labels, aggregates }: RoleSpec): ClusterRole => ({
  kind: 'ClusterRole',
  apiVersion,
  metadata: meta(name, labels),
  ...(aggregates === undefined
    ? {}
    : { aggregationRule: { clusterRoleSelectors: [{ matchLabels: { [aggregates]: 'true' } }] } }),
  rules: [...rules],
})

const user = (name: string): Subject => ({ kind: 'User', apiGroup, name })
const group = (name: string): Subject => ({ kind: 'Group', apiGroup, name })
const serviceAccount = (name: string): Subject => ({ kind: 'ServiceAccount', name, namespace: 'kube-system' })

const clusterRoleBinding = (name: string, role: string, subjects: Subject[]): ClusterRoleBinding => ({
  kind: 'ClusterRoleBinding',
  apiVersion,
  metadata: meta(name),
  roleRef: { apiGroup, kind: 'ClusterRole', name: role },
  subjects,
})

const bundleDiscovery = 'system:cluster-trust-bundle-discovery'

export const clusterRoles = (gates: PolicyGates): readonly ClusterRole[] =>
  [
    ...userRoles,
    ...componentRoles(gates),
    ...(gates.ClusterTrustBundle
      ? [{ name: bundleDiscovery, rules: [rule(read, 'certificates.k8s.io', 'clustertrustbundles')] }]
      : []),
    ...Object.entries(controllerRoles(gates)).map(([name, rules]) => ({ name: `system:controller:${name}`, rules })),
  ].map(clusterRole)

const authenticated = group('system:authenticated')
const unauthenticated = group('system:unauthenticated')

export const clusterRoleBindings = (gates: PolicyGates): readonly ClusterRoleBinding[] => [
  clusterRoleBinding('cluster-admin', 'cluster-admin', [group('system:masters')]),
  clusterRoleBinding('system:monitoring', 'system:monitoring', [group('system:monitoring')]),
  clusterRoleBinding('system:discovery', 'system:discovery', [authenticated]),
  clusterRoleBinding('system:basic-user', 'system:basic-user', [authenticated]),
  clusterRoleBinding('system:public-info-viewer', 'system:public-info-viewer', [authenticated, unauthenticated]),
  clusterRoleBinding('system:node-proxier', 'system:node-proxier', [user('system:kube-proxy')]),
  clusterRoleBinding('system:kube-controller-manager', 'system:kube-controller-manager', [
    user('system:kube-controller-manager'),
  ]),
  clusterRoleBinding('system:kube-dns', 'system:kube-dns', [serviceAccount('kube-dns')]),
  clusterRoleBinding('system:kube-scheduler', 'system:kube-scheduler', [user('system:kube-scheduler')]),
  clusterRoleBinding('system:volume-scheduler', 'system:volume-scheduler', [user('system:kube-scheduler')]),
  clusterRoleBinding('system:service-account-issuer-discovery', 'system:service-account-issuer-discovery', [
    group('system:serviceaccounts'),
  ]),
  ...(gates.ClusterTrustBundle
    ? [clusterRoleBinding(bundleDiscovery, bundleDiscovery, [group('system:serviceaccounts')])]
    : []),
  // No subjects: the Node authorizer grants what the role says.
  clusterRoleBinding('system:node', 'system:node', []),
  ...Object.keys(controllerRoles(gates)).map((name) =>
    clusterRoleBinding(`system:controller:${name}`, `system:controller:${name}`, [serviceAccount(name)]),
  ),
]

const role = (namespace: string, name: string, rules: Role['rules']): Role => ({
  kind: 'Role',
  apiVersion,
  metadata: { ...meta(name), namespace },
  ...(rules === undefined ? {} : { rules }),
})
const roleBinding = (namespace: string, name: string, roleName: string, subjects: Subject[]): RoleBinding => ({
  kind: 'RoleBinding',
  apiVersion,
  metadata: { ...meta(name), namespace },
  roleRef: { apiGroup, kind: 'Role', name: roleName },
  subjects,
})

export const roles: readonly Role[] = [
  role('kube-system', 'extension-apiserver-authentication-reader', [
    rule(read, 'core', 'configmaps', 'extension-apiserver-authentication'),
  ]),
  role('kube-system', 'system:controller:bootstrap-signer', [rule(read, 'core', 'secrets')]),
  role('kube-system', 'system:controller:cloud-provider', [rule('create,get,list,watch', 'core', 'configmaps')]),
  role('kube-system', 'system:controller:token-cleaner', [
    rule('get,list,watch,delete', 'core', 'secrets'),
    rule('create,patch,update', 'core,events.k8s.io', 'events'),
  ]),
  role('kube-system', 'system::leader-locking-kube-controller-manager', [
    rule('create,get,list,update,watch', 'coordination.k8s.io', 'leases'),
    rule('create,get,list,update,watch', 'coordination.k8s.io', 'leasecandidates'),
  ]),
  role('kube-system', 'system::leader-locking-kube-scheduler', [
    rule('create,get,list,update,watch', 'coordination.k8s.io', 'leases'),
    rule('create,get,list,update,watch', 'coordination.k8s.io', 'leasecandidates'),
  ]),
  role('kube-public', 'system:controller:bootstrap-signer', [
    rule(read, 'core', 'configmaps'),
    rule('update', 'core', 'configmaps', 'cluster-info'),
    rule('create,patch,update', 'core,events.k8s.io', 'events'),
  ]),
]

export const roleBindings: readonly RoleBinding[] = [
  roleBinding(
    'kube-system',
    'system::extension-apiserver-authentication-reader',
    'extension-apiserver-authentication-reader',
    [user('system:kube-controller-manager'), user('system:kube-scheduler')],
  ),
  roleBinding(
    'kube-system',
    'system::leader-locking-kube-controller-manager',
    'system::leader-locking-kube-controller-manager',
    [user('system:kube-controller-manager'), serviceAccount('kube-controller-manager')],
  ),
  roleBinding('kube-system', 'system::leader-locking-kube-scheduler', 'system::leader-locking-kube-scheduler', [
    user('system:kube-scheduler'),
    serviceAccount('kube-scheduler'),
  ]),
  roleBinding('kube-system', 'system:controller:bootstrap-signer', 'system:controller:bootstrap-signer', [
    serviceAccount('bootstrap-signer'),
  ]),
  roleBinding('kube-system', 'system:controller:cloud-provider', 'system:controller:cloud-provider', [
    serviceAccount('cloud-provider'),
  ]),
  roleBinding('kube-system', 'system:controller:token-cleaner', 'system:controller:token-cleaner', [
    serviceAccount('token-cleaner'),
  ]),
  roleBinding('kube-public', 'system:controller:bootstrap-signer', 'system:controller:bootstrap-signer', [
    serviceAccount('bootstrap-signer'),
  ]),
]
