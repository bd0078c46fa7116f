/** kube-controller-manager's flags. */
import { leaderElectionFlags } from '../client/leader-election/flags.ts'
import { defineFlags, type FlagValues } from '../component-base/flags/flags.ts'
import { tlsFlags } from '../component-base/tls/tls-settings.ts'
import { idleFlags, noCloud } from './idle-flags.ts'

const workers = (controller: string, count: number) =>
  ({ type: 'int', default: count, help: `Number of ${controller} that are synced at once.` }) as const

const signerFiles = (signer: string) =>
  ({
    cert: { type: 'string', default: '', help: `CA certificate that signs for ${signer} alone.` },
    key: { type: 'string', default: '', help: `Key of the CA that signs for ${signer} alone.` },
  }) as const
const clientFiles = signerFiles('kubernetes.io/kube-apiserver-client')
const kubeletClientFiles = signerFiles('kubernetes.io/kube-apiserver-client-kubelet')
const kubeletServingFiles = signerFiles('kubernetes.io/kubelet-serving')
const legacyFiles = signerFiles('kubernetes.io/legacy-unknown')

export const flags = defineFlags({
  // Connection and identity
  kubeconfig: { type: 'string', default: '', help: 'Path to the kubeconfig with credentials for the API server.' },
  master: { type: 'string', default: '', help: 'Address of the API server; overrides the kubeconfig.' },
  'authentication-kubeconfig': { type: 'string', default: '', help: 'Kubeconfig for delegated authentication.' },
  'authorization-kubeconfig': { type: 'string', default: '', help: 'Kubeconfig for delegated authorization.' },
  'authentication-skip-lookup': {
    type: 'bool',
    default: false,
    help: 'Do not read authentication configuration from the cluster.',
  },
  'authorization-always-allow-paths': {
    type: 'strings',
    default: ['/healthz', '/readyz', '/livez'],
    help: 'Paths that anybody may read.',
  },
  'use-service-account-credentials': {
    type: 'bool',
    default: false,
    help: 'Run each controller as its own service account.',
  },
  'kube-api-qps': { type: 'float', default: 0, help: 'Limit of requests per second to the API server; 0 is none.' },
  'kube-api-burst': { type: 'int', default: 0, help: 'Burst of --kube-api-qps.' },
  'kube-api-content-type': {
    type: 'string',
    default: 'application/json',
    help: 'Content type of requests.',
    unsupported: 'requests are JSON',
  },
  // Serving
  'bind-address': { type: 'string', default: '0.0.0.0', help: 'Address of the secure port.' },
  'secure-port': { type: 'int', default: 10257, help: 'Port for health checks and metrics; 0 serves none.' },
  'cert-dir': {
    type: 'string',
    default: '',
    help: 'Directory for generated certificates.',
    unsupported: 'a self-signed certificate lives in memory',
  },
  'client-ca-file': { type: 'string', default: '', help: 'CA whose client certificates may read metrics.' },
  'requestheader-client-ca-file': {
    type: 'string',
    default: '',
    help: 'CA of front proxies.',
    unsupported: 'front proxies are not accepted here',
  },
  'requestheader-allowed-names': {
    type: 'strings',
    default: [],
    help: 'Names of front proxies.',
    unsupported: 'front proxies are not accepted here',
  },
  'tls-cert-file': { type: 'string', default: '', help: 'Serving certificate; a self-signed one is made if empty.' },
  'tls-private-key-file': { type: 'string', default: '', help: 'Key of --tls-cert-file.' },
  ...tlsFlags,
  profiling: { type: 'bool', default: true, help: 'Serve profiles; none are: use node --inspect.' },
  'contention-profiling': { type: 'bool', default: false, help: 'Profile locks.', unsupported: 'there are no locks' },
  // Leader election
  ...leaderElectionFlags('kube-controller-manager'),
  // Which controllers, and how many workers each has
  controllers: {
    type: 'strings',
    default: ['*'],
    help: "Controllers to run: '*' is all that are on by default, 'foo' adds, '-foo' removes.",
  },
  'concurrent-deployment-syncs': workers('Deployments', 5),
  'concurrent-replicaset-syncs': workers('ReplicaSets', 5),
  'concurrent-rc-syncs': workers('ReplicationControllers', 5),
  'concurrent-statefulset-syncs': workers('StatefulSets', 5),
  'concurrent-daemonset-syncs': workers('DaemonSets', 2),
  'concurrent-job-syncs': workers('Jobs', 5),
  'concurrent-cron-job-syncs': workers('CronJobs', 5),
  'concurrent-endpoint-syncs': workers('Endpoints', 5),
  'concurrent-service-endpoint-syncs': workers('Services (slices)', 5),
  'concurrent-namespace-syncs': workers('Namespaces', 10),
  'concurrent-gc-syncs': workers('garbage objects', 20),
  'concurrent-resource-quota-syncs': workers('ResourceQuotas', 5),
  'concurrent-serviceaccount-token-syncs': workers('token Secrets', 5),
  'concurrent-ttl-after-finished-syncs': workers('finished Jobs', 5),
  'concurrent-disruption-syncs': workers('PodDisruptionBudgets', 5),
  'concurrent-horizontal-pod-autoscaler-syncs': workers('HorizontalPodAutoscalers', 5),
  'concurrent-ephemeralvolume-syncs': workers('Pods with ephemeral volumes', 5),
  'concurrent-validating-admission-policy-status-syncs': workers('policies', 5),
  'concurrent-resource-claim-syncs': workers('ResourceClaims', 50),
  'concurrent-device-taint-eviction-syncs': workers('Pods with tainted devices', 50),
  ...idleFlags,
  'min-resync-period': {
    type: 'duration',
    default: 43_200_000,
    help: 'Resync period of informers.',
    unsupported: 'informers do not resync; watches are complete',
  },
  'controller-start-interval': {
    type: 'duration',
    default: 0,
    help: 'Pause between starts of controllers.',
    unsupported: 'controllers start at once',
  },
  'endpoint-updates-batch-period': {
    type: 'duration',
    default: 0,
    help: 'How long changes of Pods are gathered before Endpoints are written.',
  },
  'endpointslice-updates-batch-period': {
    type: 'duration',
    default: 0,
    help: 'How long changes of Pods are gathered before EndpointSlices are written.',
  },
  'max-endpoints-per-slice': { type: 'int', default: 100, help: 'Endpoints of one EndpointSlice at most.' },
  'mirroring-concurrent-service-endpoint-syncs': workers('mirrored Endpoints', 5),
  'mirroring-endpointslice-updates-batch-period': {
    type: 'duration',
    default: 0,
    help: 'How long changes of Endpoints are gathered.',
  },
  'mirroring-max-endpoints-per-subset': {
    type: 'int',
    default: 1000,
    help: 'Endpoints mirrored of one subset at most.',
  },
  // Garbage and Pods
  'enable-garbage-collector': { type: 'bool', default: true, help: 'Run the garbage collector.' },
  'terminated-pod-gc-threshold': { type: 'int', default: 12_500, help: 'Ended Pods kept; 0 or less keeps all.' },
  'namespace-sync-period': {
    type: 'duration',
    default: 300_000,
    help: 'Resync of Namespaces.',
    unsupported: 'namespaces are watched',
  },
  'resource-quota-sync-period': { type: 'duration', default: 300_000, help: 'Time between full counts of quota use.' },
  // Nodes
  'node-monitor-grace-period': {
    type: 'duration',
    default: 50_000,
    help: 'Silence of a kubelet after which its Node is Unknown.',
  },
  'node-monitor-period': { type: 'duration', default: 5_000, help: 'Time between looks at the Nodes.' },
  'node-startup-grace-period': {
    type: 'duration',
    default: 60_000,
    help: 'Silence of a starting kubelet after which its Node is Unknown.',
  },
  'node-eviction-rate': { type: 'float', default: 0.1, help: 'Nodes a second that are emptied in a healthy zone.' },
  'secondary-node-eviction-rate': {
    type: 'float',
    default: 0.01,
    help: 'The same in a large zone that is partially disrupted.',
  },
  'large-cluster-size-threshold': { type: 'int', default: 50, help: 'Nodes up to which a zone counts as small.' },
  'unhealthy-zone-threshold': {
    type: 'float',
    default: 0.55,
    help: 'Share of silent Nodes from which a zone is disrupted.',
  },
  'pod-eviction-timeout': {
    type: 'duration',
    default: 300_000,
    help: 'Grace of Pods on failed Nodes.',
    unsupported: 'removed upstream; tolerationSeconds of each Pod decide',
  },
  'allocate-node-cidrs': { type: 'bool', default: false, help: 'Give each Node ranges of --cluster-cidr.' },
  'cluster-cidr': { type: 'strings', default: [], help: 'Ranges for Pods: one, or one of each family.' },
  'service-cluster-ip-range': {
    type: 'strings',
    default: [],
    help: 'Ranges of Services, kept out of the ranges of Nodes.',
  },
  'node-cidr-mask-size': {
    type: 'int',
    default: 0,
    help: 'Prefix length of a Node range; 0 is 24 for IPv4 and 64 for IPv6.',
  },
  'node-cidr-mask-size-ipv4': { type: 'int', default: 0, help: 'Prefix length of an IPv4 Node range.' },
  'node-cidr-mask-size-ipv6': { type: 'int', default: 0, help: 'Prefix length of an IPv6 Node range.' },
  'cidr-allocator-type': {
    type: 'string',
    default: 'RangeAllocator',
    help: 'Kind of the allocator; only RangeAllocator.',
  },
  'configure-cloud-routes': { type: 'bool', default: true, help: 'Routes in the cloud.', unsupported: noCloud },
  'cloud-provider': { type: 'string', default: '', help: 'Cloud provider.', unsupported: noCloud },
  'cloud-config': { type: 'string', default: '', help: 'Configuration of the cloud provider.', unsupported: noCloud },
  'cluster-name': { type: 'string', default: 'kubernetes', help: 'Name of the cluster.' },
  // Certificates and service accounts
  'root-ca-file': { type: 'string', default: '', help: 'CA bundle that is published to every namespace.' },
  'service-account-private-key-file': {
    type: 'string',
    default: '',
    help: 'Key that signs legacy service account tokens.',
  },
  'cluster-signing-cert-file': {
    type: 'string',
    default: '',
    help: 'CA certificate that signs CertificateSigningRequests.',
  },
  'cluster-signing-key-file': { type: 'string', default: '', help: 'Key of --cluster-signing-cert-file.' },
  'cluster-signing-kube-apiserver-client-cert-file': clientFiles.cert,
  'cluster-signing-kube-apiserver-client-key-file': clientFiles.key,
  'cluster-signing-kubelet-client-cert-file': kubeletClientFiles.cert,
  'cluster-signing-kubelet-client-key-file': kubeletClientFiles.key,
  'cluster-signing-kubelet-serving-cert-file': kubeletServingFiles.cert,
  'cluster-signing-kubelet-serving-key-file': kubeletServingFiles.key,
  'cluster-signing-legacy-unknown-cert-file': legacyFiles.cert,
  'cluster-signing-legacy-unknown-key-file': legacyFiles.key,
  'cluster-signing-duration': {
    type: 'duration',
    default: 31_536_000_000,
    help: 'Longest validity of signed certificates.',
  },
  // Autoscaling and volumes
  'horizontal-pod-autoscaler-sync-period': {
    type: 'duration',
    default: 15_000,
    help: 'Time between looks at metrics.',
  },
  'horizontal-pod-autoscaler-downscale-stabilization': {
    type: 'duration',
    default: 300_000,
    help: 'How long a higher recommendation keeps a target from shrinking.',
  },
  'horizontal-pod-autoscaler-tolerance': {
    type: 'float',
    default: 0.1,
    help: 'How far a metric may be from its target without consequence.',
  },
  'horizontal-pod-autoscaler-cpu-initialization-period': {
    type: 'duration',
    default: 300_000,
    help: 'How long the CPU of starting Pods may not count.',
  },
  'horizontal-pod-autoscaler-initial-readiness-delay': {
    type: 'duration',
    default: 30_000,
    help: 'How soon after its start an unready Pod is taken for one that never was ready.',
  },
  'legacy-service-account-token-clean-up-period': {
    type: 'duration',
    default: 365 * 24 * 3_600_000,
    help: 'How long a generated token may be unused before it is made invalid, and then deleted.',
  },
  'disable-attach-detach-reconcile-sync': {
    type: 'bool',
    default: false,
    help: 'Do not look whether volumes are still attached.',
    unsupported: 'VolumeAttachments are watched, which tells it at once',
  },
  'attach-detach-reconcile-sync-period': {
    type: 'duration',
    default: 60_000,
    help: 'Time between looks whether volumes are still attached.',
    unsupported: 'VolumeAttachments are watched, which tells it at once',
  },
  'disable-force-detach-on-timeout': {
    type: 'bool',
    default: false,
    help: 'Never detach what a Node that is not well has mounted, however long it takes.',
  },
  'pvclaimbinder-sync-period': {
    type: 'duration',
    default: 15_000,
    help: 'Time between looks at claims and volumes.',
    unsupported: 'claims and volumes are watched',
  },
  'enable-dynamic-provisioning': {
    type: 'bool',
    default: true,
    help: 'Ask external provisioners for the volumes of claims.',
  },
  'flex-volume-plugin-dir': {
    type: 'string',
    default: '',
    help: 'Flex volumes.',
    unsupported: 'removed upstream in favour of CSI',
  },
  'feature-gates': { type: 'map', default: {}, help: 'A set of key=value pairs that describe feature gates.' },
})

export type ControllerManagerConfig = FlagValues<typeof flags>
