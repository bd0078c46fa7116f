/** Names that `--controllers` knows beside those of the controllers here. Upstream: NewControllerDescriptors. */

/**
 * Controllers of feature gates that are off in v1.36 and of clouds: upstream takes their names and starts nothing, since
 * the APIs that they work on are not served, and clouds are the cloud-controller-manager's.
 */
export const dormantControllers: ReadonlySet<string> = new Set([
  'storageversion-garbage-collector-controller',
  'storage-version-migrator-controller',
  'podcertificaterequest-cleaner-controller',
  'service-lb-controller',
  'node-route-controller',
  'cloud-node-lifecycle-controller',
])

/** Short names that upstream has kept for older command lines. */
export const controllerAliases: Readonly<Record<string, string>> = {
  serviceaccount: 'serviceaccount-controller',
  'root-ca-cert-publisher': 'root-ca-certificate-publisher-controller',
  nodeipam: 'node-ipam-controller',
  replicaset: 'replicaset-controller',
  replicationcontroller: 'replicationcontroller-controller',
  deployment: 'deployment-controller',
  endpoint: 'endpoints-controller',
  endpointslice: 'endpointslice-controller',
  namespace: 'namespace-controller',
  garbagecollector: 'garbage-collector-controller',
  daemonset: 'daemonset-controller',
  job: 'job-controller',
  statefulset: 'statefulset-controller',
  cronjob: 'cronjob-controller',
  nodelifecycle: 'node-lifecycle-controller',
  podgc: 'pod-garbage-collector-controller',
  resourcequota: 'resourcequota-controller',
  disruption: 'disruption-controller',
  horizontalpodautoscaling: 'horizontal-pod-autoscaler-controller',
  ttl: 'ttl-controller',
  'ttl-after-finished': 'ttl-after-finished-controller',
  csrsigning: 'certificatesigningrequest-signing-controller',
  csrapproving: 'certificatesigningrequest-approving-controller',
  bootstrapsigner: 'bootstrap-signer-controller',
  tokencleaner: 'token-cleaner-controller',
  csrcleaner: 'certificatesigningrequest-cleaner-controller',
  'clusterrole-aggregation': 'clusterrole-aggregation-controller',
  'persistentvolume-binder': 'persistentvolume-binder-controller',
  'pvc-protection': 'persistentvolumeclaim-protection-controller',
  'pv-protection': 'persistentvolume-protection-controller',
  'ephemeral-volume': 'ephemeral-volume-controller',
  'legacy-service-account-token-cleaner': 'legacy-serviceaccount-token-cleaner-controller',
  'serviceaccount-token': 'serviceaccount-token-controller',
  attachdetach: 'persistentvolume-attach-detach-controller',
  'persistentvolume-expander': 'persistentvolume-expander-controller',
  'resource-claim-controller': 'resourceclaim-controller',
  endpointslicemirroring: 'endpointslice-mirroring-controller',
  'storage-version-gc': 'storageversion-garbage-collector-controller',
  service: 'service-lb-controller',
  route: 'node-route-controller',
  'cloud-node-lifecycle': 'cloud-node-lifecycle-controller',
}
