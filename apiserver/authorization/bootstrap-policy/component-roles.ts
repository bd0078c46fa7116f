/** ClusterRoles of the cluster's own components. Upstream: rbac/bootstrappolicy/policy.go */
import { eventsRule, type PolicyGates, read, readWrite, type RoleSpec, rule } from './rule.ts'

const signers: readonly (readonly [string, string])[] = [
  ['kube-apiserver-client', 'kubernetes.io/kube-apiserver-client'],
  ['kube-apiserver-client-kubelet', 'kubernetes.io/kube-apiserver-client-kubelet'],
  ['kubelet-serving', 'kubernetes.io/kubelet-serving'],
  ['legacy-unknown', 'kubernetes.io/legacy-unknown'],
]

/** What every kubelet may do, in so far as the Node authorizer does not look closer. */
export const nodeRules = (gates: PolicyGates): RoleSpec['rules'] => [
  rule('create', 'authentication.k8s.io', 'tokenreviews'),
  rule('create', 'authorization.k8s.io', 'subjectaccessreviews,localsubjectaccessreviews'),
  rule(read, 'core', 'services'),
  rule('create,get,list,watch', 'core', 'nodes'),
  rule('update,patch', 'core', 'nodes/status'),
  rule('update,patch', 'core', 'nodes'),
  rule('create,update,patch', 'core', 'events'),
  rule(read, 'core', 'pods'),
  rule('create,delete', 'core', 'pods'),
  rule('update,patch', 'core', 'pods/status'),
  rule('create', 'core', 'pods/eviction'),
  rule(read, 'core', 'configmaps,secrets'),
  rule('get', 'core', 'persistentvolumeclaims,persistentvolumes'),
  rule('get', 'core', 'endpoints'),
  rule('create,get,list,watch', 'certificates.k8s.io', 'certificatesigningrequests'),
  rule('create,delete,get,patch,update', 'coordination.k8s.io', 'leases'),
  rule('get', 'storage.k8s.io', 'volumeattachments'),
  rule('create', 'core', 'serviceaccounts/token'),
  rule('get,update,patch', 'core', 'persistentvolumeclaims/status'),
  rule(read, 'storage.k8s.io', 'csidrivers'),
  rule('create,delete,get,patch,update', 'storage.k8s.io', 'csinodes'),
  rule(read, 'node.k8s.io', 'runtimeclasses'),
  rule('get', 'resource.k8s.io', 'resourceclaims'),
  rule('deletecollection', 'resource.k8s.io', 'resourceslices'),
  ...(gates.ClusterTrustBundle ? [rule(read, 'certificates.k8s.io', 'clustertrustbundles')] : []),
]

export const componentRoles = (gates: PolicyGates): readonly RoleSpec[] => [
  { name: 'system:node', rules: nodeRules(gates) },
  {
    name: 'system:node-problem-detector',
    rules: [rule('get', 'core', 'nodes'), rule('patch', 'core', 'nodes/status'), eventsRule],
  },
  {
    name: 'system:node-proxier',
    rules: [
      rule('list,watch', 'core', 'services,endpoints'),
      rule('get,list,watch', 'core', 'nodes'),
      rule('list,watch', 'discovery.k8s.io', 'endpointslices'),
      rule('list,watch', 'networking.k8s.io', 'servicecidrs'),
      eventsRule,
    ],
  },
  {
    name: 'system:kubelet-api-admin',
    rules: [
      rule(read, 'core', 'nodes'),
      rule('proxy', 'core', 'nodes'),
      rule('*', 'core', 'nodes/proxy,nodes/metrics,nodes/stats,nodes/log'),
      rule('*', 'core', 'nodes/configz,nodes/healthz,nodes/pods'),
    ],
  },
  {
    name: 'system:node-bootstrapper',
    rules: [rule('create,get,list,watch', 'certificates.k8s.io', 'certificatesigningrequests')],
  },
  {
    name: 'system:kube-aggregator',
    rules: [rule(read, 'core', 'services,endpoints')],
  },
  {
    name: 'system:kube-controller-manager',
    rules: [
      eventsRule,
      rule('create', 'coordination.k8s.io', 'leases'),
      rule('get,update', 'coordination.k8s.io', 'leases', 'kube-controller-manager'),
      rule('create', 'core', 'secrets,serviceaccounts'),
      rule('delete', 'core', 'secrets'),
      rule('get', 'core', 'configmaps,namespaces,secrets,serviceaccounts'),
      rule('update', 'core', 'secrets,serviceaccounts'),
      rule('create', 'authentication.k8s.io', 'tokenreviews'),
      rule('create', 'authorization.k8s.io', 'subjectaccessreviews'),
      rule('list,watch', '*', '*'),
      rule('create', 'core', 'serviceaccounts/token'),
    ],
  },
  {
    name: 'system:kube-scheduler',
    rules: [
      eventsRule,
      rule('create', 'coordination.k8s.io', 'leases'),
      rule('get,list,watch,update', 'coordination.k8s.io', 'leases', 'kube-scheduler'),
      rule(readWrite, 'coordination.k8s.io', 'leasecandidates'),
      rule(read, 'core', 'nodes'),
      rule('delete,get,list,watch', 'core', 'pods'),
      rule('create', 'core', 'bindings,pods/binding'),
      rule('patch,update', 'core', 'pods/status'),
      rule(read, 'core', 'replicationcontrollers,services'),
      rule(read, 'apps,extensions', 'replicasets'),
      rule(read, 'apps', 'statefulsets'),
      rule(read, 'policy', 'poddisruptionbudgets'),
      rule(read, 'core', 'persistentvolumeclaims,persistentvolumes'),
      rule('create', 'authentication.k8s.io', 'tokenreviews'),
      rule('create', 'authorization.k8s.io', 'subjectaccessreviews'),
      rule(read, 'storage.k8s.io', 'csinodes,csidrivers,csistoragecapacities,volumeattachments'),
      rule(read, 'core', 'namespaces'),
      rule(read, 'resource.k8s.io', 'deviceclasses'),
      rule('get,list,watch,update,patch', 'resource.k8s.io', 'resourceclaims'),
      rule('get,list,watch,update,patch', 'resource.k8s.io', 'resourceclaims/status'),
      rule(read, 'resource.k8s.io', 'resourceslices'),
      rule('get,list,watch,patch,update', 'core', 'pods/finalizers'),
    ],
  },
  {
    name: 'system:volume-scheduler',
    rules: [
      rule('get,list,patch,update,watch', 'core', 'persistentvolumes,persistentvolumeclaims'),
      rule(read, 'storage.k8s.io', 'storageclasses'),
    ],
  },
  { name: 'system:kube-dns', rules: [rule('list,watch', 'core', 'endpoints,services')] },
  {
    name: 'system:heapster',
    rules: [rule(read, 'core', 'events,pods,nodes,namespaces'), rule(read, 'extensions', 'deployments')],
  },
  {
    name: 'system:persistent-volume-provisioner',
    rules: [
      rule('get,list,watch,create,delete', 'core', 'persistentvolumes'),
      rule('get,list,watch,update', 'core', 'persistentvolumeclaims'),
      rule(read, 'storage.k8s.io', 'storageclasses'),
      rule('watch', 'core', 'events'),
      eventsRule,
    ],
  },
  {
    name: 'system:certificates.k8s.io:certificatesigningrequests:nodeclient',
    rules: [rule('create', 'certificates.k8s.io', 'certificatesigningrequests/nodeclient')],
  },
  {
    name: 'system:certificates.k8s.io:certificatesigningrequests:selfnodeclient',
    rules: [rule('create', 'certificates.k8s.io', 'certificatesigningrequests/selfnodeclient')],
  },
  ...signers.map(([name, signer]) => ({
    name: `system:certificates.k8s.io:${name}-approver`,
    rules: [rule('approve', 'certificates.k8s.io', 'signers', signer)],
  })),
]
