/** ClusterRoles for people: cluster-admin, admin, edit, view and what they are made of. Upstream: rbac/bootstrappolicy/policy.go */
import { pathRule, read, type RoleSpec, rule, write } from './rule.ts'

const aggregateTo = (role: string): Record<string, string> => ({
  [`rbac.authorization.k8s.io/aggregate-to-${role}`]: 'true',
})

const adminRules = [
  rule('create', 'authorization.k8s.io', 'localsubjectaccessreviews'),
  rule(`${read},${write}`, 'rbac.authorization.k8s.io', 'roles,rolebindings'),
]

const editRules = [
  rule(read, 'core', 'pods/attach,pods/proxy,pods/exec,pods/portforward,secrets,services/proxy'),
  rule('impersonate', 'core', 'serviceaccounts'),
  rule(write, 'core', 'pods,pods/attach,pods/proxy,pods/exec,pods/portforward'),
  rule('create', 'core', 'pods/eviction'),
  rule(
    write,
    'core',
    'configmaps,events,persistentvolumeclaims,replicationcontrollers,replicationcontrollers/scale,secrets,serviceaccounts,services,services/proxy',
  ),
  rule('create', 'core', 'serviceaccounts/token'),
  rule(
    write,
    'apps',
    'daemonsets,deployments,deployments/rollback,deployments/scale,replicasets,replicasets/scale,statefulsets,statefulsets/scale',
  ),
  rule(write, 'autoscaling', 'horizontalpodautoscalers'),
  rule(write, 'batch', 'cronjobs,jobs'),
  rule(
    write,
    'extensions',
    'daemonsets,deployments,deployments/rollback,deployments/scale,ingresses,networkpolicies,replicasets,replicasets/scale,replicationcontrollers/scale',
  ),
  rule(write, 'policy', 'poddisruptionbudgets'),
  rule(write, 'networking.k8s.io', 'ingresses,networkpolicies'),
  rule(`${read},${write}`, 'coordination.k8s.io', 'leases'),
  rule(write, 'resource.k8s.io', 'resourceclaims,resourceclaimtemplates'),
]

const viewRules = [
  rule(
    read,
    'core',
    'configmaps,endpoints,persistentvolumeclaims,persistentvolumeclaims/status,pods,replicationcontrollers,replicationcontrollers/scale,serviceaccounts,services,services/status',
  ),
  rule(
    read,
    'core',
    'bindings,events,limitranges,namespaces/status,pods/log,pods/status,replicationcontrollers/status,resourcequotas,resourcequotas/status',
  ),
  rule(read, 'core', 'namespaces'),
  rule(read, 'discovery.k8s.io', 'endpointslices'),
  rule(
    read,
    'apps',
    'controllerrevisions,daemonsets,daemonsets/status,deployments,deployments/scale,deployments/status,replicasets,replicasets/scale,replicasets/status,statefulsets,statefulsets/scale,statefulsets/status',
  ),
  rule(read, 'autoscaling', 'horizontalpodautoscalers,horizontalpodautoscalers/status'),
  rule(read, 'batch', 'cronjobs,cronjobs/status,jobs,jobs/status'),
  rule(
    read,
    'extensions',
    'daemonsets,daemonsets/status,deployments,deployments/scale,deployments/status,ingresses,ingresses/status,networkpolicies,replicasets,replicasets/scale,replicasets/status,replicationcontrollers/scale',
  ),
  rule(read, 'policy', 'poddisruptionbudgets,poddisruptionbudgets/status'),
  rule(read, 'networking.k8s.io', 'ingresses,ingresses/status,networkpolicies'),
  rule(read, 'resource.k8s.io', 'resourceclaims,resourceclaims/status,resourceclaimtemplates'),
]

export const userRoles: readonly RoleSpec[] = [
  { name: 'cluster-admin', rules: [rule('*', '*', '*'), pathRule('*', '*')] },
  { name: 'system:aggregate-to-admin', rules: adminRules, labels: aggregateTo('admin') },
  { name: 'system:aggregate-to-edit', rules: editRules, labels: aggregateTo('edit') },
  { name: 'system:aggregate-to-view', rules: viewRules, labels: aggregateTo('view') },
  // The sums are written out, so that they hold before (and without) the aggregation controller.
  {
    name: 'admin',
    rules: [...adminRules, ...editRules, ...viewRules],
    aggregates: 'rbac.authorization.k8s.io/aggregate-to-admin',
  },
  {
    name: 'edit',
    rules: [...editRules, ...viewRules],
    aggregates: 'rbac.authorization.k8s.io/aggregate-to-edit',
    labels: aggregateTo('admin'),
  },
  {
    name: 'view',
    rules: viewRules,
    aggregates: 'rbac.authorization.k8s.io/aggregate-to-view',
    labels: aggregateTo('edit'),
  },
  {
    name: 'system:discovery',
    rules: [
      pathRule('get', '/api,/api/*,/apis,/apis/*,/healthz,/livez,/openapi,/openapi/*,/readyz,/version,/version/'),
    ],
  },
  { name: 'system:public-info-viewer', rules: [pathRule('get', '/healthz,/livez,/readyz,/version,/version/')] },
  {
    name: 'system:basic-user',
    rules: [
      rule('create', 'authorization.k8s.io', 'selfsubjectaccessreviews,selfsubjectrulesreviews'),
      rule('create', 'authentication.k8s.io', 'selfsubjectreviews'),
    ],
  },
  {
    name: 'system:monitoring',
    rules: [
      pathRule('get', '/healthz,/healthz/*,/livez,/livez/*,/metrics,/metrics/slis,/readyz,/readyz/*'),
      pathRule('get', '/flagz'),
      pathRule('get', '/statusz'),
    ],
  },
  {
    name: 'system:auth-delegator',
    rules: [
      rule('create', 'authentication.k8s.io', 'tokenreviews'),
      rule('create', 'authorization.k8s.io', 'subjectaccessreviews'),
    ],
  },
  {
    name: 'system:service-account-issuer-discovery',
    rules: [
      pathRule(
        'get',
        '/.well-known/openid-configuration,/.well-known/openid-configuration/,/openid/v1/jwks,/openid/v1/jwks/',
      ),
    ],
  },
]
