/** Every binding that a cluster of the launcher has: upstream's defaults, kubeadm's, and one of ours. */

const controllers = [
  'attachdetach-controller',
  'certificate-controller',
  'clusterrole-aggregation-controller',
  'cronjob-controller',
  'daemon-set-controller',
  'deployment-controller',
  'device-taint-eviction-controller',
  'disruption-controller',
  'endpoint-controller',
  'endpointslice-controller',
  'endpointslicemirroring-controller',
  'ephemeral-volume-controller',
  'expand-controller',
  'generic-garbage-collector',
  'horizontal-pod-autoscaler',
  'job-controller',
  'legacy-service-account-token-cleaner',
  'namespace-controller',
  'node-controller',
  'persistent-volume-binder',
  'pod-garbage-collector',
  'pv-protection-controller',
  'pvc-protection-controller',
  'replicaset-controller',
  'replication-controller',
  'resource-claim-controller',
  'resourcequota-controller',
  'root-ca-cert-publisher',
  'route-controller',
  'selinux-warning-controller',
  'service-account-controller',
  'service-cidrs-controller',
  'service-controller',
  'statefulset-controller',
  'ttl-after-finished-controller',
  'ttl-controller',
  'validatingadmissionpolicy-status-controller',
  'volumeattributesclass-protection-controller',
]

/** `binding → role: subjects`, as `describeBinding` in the test writes it. */
export const clusterRoleBindings: readonly string[] = [
  ...controllers.map((name) => `system:controller:${name} → system:controller:${name}: kube-system/${name}`),
  'cluster-admin → cluster-admin: system:masters',
  'system:basic-user → system:basic-user: system:authenticated',
  'system:discovery → system:discovery: system:authenticated',
  'system:kube-controller-manager → system:kube-controller-manager: system:kube-controller-manager',
  'system:kube-dns → system:kube-dns: kube-system/kube-dns',
  'system:kube-scheduler → system:kube-scheduler: system:kube-scheduler',
  'system:monitoring → system:monitoring: system:monitoring',
  'system:node → system:node: ',
  'system:node-proxier → system:node-proxier: system:kube-proxy',
  'system:public-info-viewer → system:public-info-viewer: system:authenticated system:unauthenticated',
  'system:service-account-issuer-discovery → system:service-account-issuer-discovery: system:serviceaccounts',
  'system:volume-scheduler → system:volume-scheduler: system:kube-scheduler',
  // kubeadm's
  'kubeadm:cluster-admins → cluster-admin: kubeadm:cluster-admins',
  'kubeadm:kubelet-bootstrap → system:node-bootstrapper: system:bootstrappers:kubeadm:default-node-token',
  'kubeadm:node-autoapprove-bootstrap → system:certificates.k8s.io:certificatesigningrequests:nodeclient: system:bootstrappers:kubeadm:default-node-token',
  'kubeadm:node-autoapprove-certificate-rotation → system:certificates.k8s.io:certificatesigningrequests:selfnodeclient: system:nodes',
  'system:coredns → system:coredns: kube-system/coredns',
  // kube-network-policies'
  'kube-network-policies → kube-network-policies: kube-system/kube-network-policies',
  // metrics-server's
  'system:metrics-server → system:metrics-server: system:metrics-server',
  'metrics-server:system:auth-delegator → system:auth-delegator: system:metrics-server',
  'kubets:ingress-controller → kubets:ingress-controller: kubets:ingress-controller',
  // The API server to the kubelets, which kubeadm makes an administrator.
  'kubets:kubelet-api → system:kubelet-api-admin: kube-apiserver-kubelet-client',
]

export const roleBindings: readonly string[] = [
  'kube-system/metrics-server-auth-reader → extension-apiserver-authentication-reader: system:metrics-server',
  'kube-public/system:controller:bootstrap-signer → system:controller:bootstrap-signer: kube-system/bootstrap-signer',
  'kube-public/kubeadm:bootstrap-signer-clusterinfo → kubeadm:bootstrap-signer-clusterinfo: system:anonymous',
  'kube-system/system::extension-apiserver-authentication-reader → extension-apiserver-authentication-reader: system:kube-controller-manager system:kube-scheduler',
  'kube-system/system::leader-locking-kube-controller-manager → system::leader-locking-kube-controller-manager: system:kube-controller-manager kube-system/kube-controller-manager',
  'kube-system/system::leader-locking-kube-scheduler → system::leader-locking-kube-scheduler: system:kube-scheduler kube-system/kube-scheduler',
  'kube-system/system:controller:bootstrap-signer → system:controller:bootstrap-signer: kube-system/bootstrap-signer',
  'kube-system/system:controller:cloud-provider → system:controller:cloud-provider: kube-system/cloud-provider',
  'kube-system/system:controller:token-cleaner → system:controller:token-cleaner: kube-system/token-cleaner',
]

/** Names of the bindings by which a component may be allowed something, beside those of every user. */
export const bindingsOf = (user: string): readonly string[] => {
  const account = /^system:serviceaccount:kube-system:(.+)$/.exec(user)?.[1]
  if (account === 'coredns') return ['system:coredns']
  if (account === 'kube-network-policies') return ['kube-network-policies']
  if (account !== undefined) return [`system:controller:${account}`]
  switch (user) {
    case 'system:kube-controller-manager':
      return [
        'system:kube-controller-manager',
        'system::leader-locking-kube-controller-manager',
        'system::extension-apiserver-authentication-reader',
      ]
    case 'system:kube-scheduler':
      return [
        'system:kube-scheduler',
        'system:volume-scheduler',
        'system::leader-locking-kube-scheduler',
        'system::extension-apiserver-authentication-reader',
      ]
    case 'system:metrics-server':
      return ['system:metrics-server', 'metrics-server:system:auth-delegator', 'metrics-server-auth-reader']
    case 'kubets:ingress-controller':
      return ['kubets:ingress-controller']
    case 'system:kube-proxy':
      return ['system:node-proxier']
    default:
      return []
  }
}

export const bindingsOfEverybody: readonly string[] = [
  'system:basic-user',
  'system:discovery',
  'system:public-info-viewer',
  'system:service-account-issuer-discovery',
]
