/** The kubelet's flags, under upstream's names. */
import { defineFlags, type FlagValues } from '../component-base/flags/flags.ts'
import { tlsFlags } from '../component-base/tls/tls-settings.ts'
import { defaultPauseImage } from './runtime/docker/pause-image.ts'

/** Where a Docker engine listens. */
export const defaultDockerEndpoint = 'unix:///var/run/docker.sock'

export const kubeletFlags = defineFlags({
  kubeconfig: {
    type: 'string',
    default: '',
    help: 'Path to a kubeconfig file, specifying how to connect to the API server. Providing --kubeconfig enables API server mode, omitting --kubeconfig enables standalone mode.',
  },
  'bootstrap-kubeconfig': {
    type: 'string',
    default: '',
    help: 'Path to a kubeconfig file that will be used to get client certificate for kubelet. If the file specified by --kubeconfig does not exist, the bootstrap kubeconfig is used to request a client certificate from the API server. On success, a kubeconfig file referencing the generated client certificate and key is written to the path specified by --kubeconfig. The client certificate and key file will be stored in the directory pointed by --cert-dir.',
  },
  config: { type: 'string', default: '', help: 'The Kubelet will load its initial configuration from this file.' },
  'config-dir': {
    type: 'string',
    default: '',
    help: 'Path to a directory to specify drop-ins, allows the user to optionally specify additional configs to overwrite what is provided by default and in the KubeletConfigFile flag. Only files that end in .conf are read, in the order of their names.',
  },
  'hostname-override': {
    type: 'string',
    default: '',
    help: 'If non-empty, will use this string as identification instead of the actual hostname.',
  },
  'node-ip': {
    type: 'string',
    default: '',
    help: "IP address (or comma-separated dual-stack IP addresses) of the node. If unset, kubelet will use the node's default IPv4 address, if any.",
  },
  'node-labels': { type: 'map', default: {}, help: 'Labels to add when registering the node in the cluster.' },
  'register-node': { type: 'bool', default: true, help: 'Register the node with the API server.' },
  'register-with-taints': {
    type: 'strings',
    default: [],
    help: 'Register the node with the given list of taints (comma separated "<key>=<value>:<effect>").',
  },
  'provider-id': {
    type: 'string',
    default: '',
    help: 'Unique identifier for identifying the node in a machine database, i.e cloud provider.',
  },
  'cloud-provider': {
    type: 'string',
    default: '',
    help: 'The provider for cloud services. Set to "external" for running with an external cloud provider.',
  },
  'root-dir': {
    type: 'string',
    default: '/var/lib/kubelet',
    help: 'Directory path for managing kubelet files (volume mounts, etc).',
  },
  'cert-dir': {
    type: 'string',
    default: '',
    help: 'The directory where the TLS certs are located. Default: <root-dir>/pki.',
  },
  'seccomp-default': {
    type: 'bool',
    default: false,
    help: 'Enable the use of RuntimeDefault as the default seccomp profile for all workloads.',
  },
  'pod-max-pids': { type: 'int', default: -1, help: 'Set the maximum number of processes per pod; -1 is no limit.' },
  'allowed-unsafe-sysctls': {
    type: 'strings',
    default: [],
    help: 'Comma-separated whitelist of unsafe sysctls or unsafe sysctl patterns (ending in *).',
  },
  'event-qps': { type: 'int', default: 50, help: 'QPS to limit event creations. Set to 0 for unlimited.' },
  'event-burst': {
    type: 'int',
    default: 100,
    help: 'Maximum size of a bursty event records, temporarily allows event records to burst to this number.',
  },
  'streaming-connection-idle-timeout': {
    type: 'duration',
    default: 4 * 3_600_000,
    help: 'Maximum time a streaming connection can be idle before the connection is automatically closed. 0 indicates no timeout.',
  },
  'make-iptables-util-chains': {
    type: 'bool',
    default: true,
    help: 'If true, kubelet will ensure iptables utility rules are present on host. Here: one of nftables that keeps others from the loopback address.',
  },
  'protect-kernel-defaults': {
    type: 'bool',
    default: false,
    help: 'Error if any of the kernel tunables is different than kubelet defaults; without it they are left as they are.',
  },
  'container-runtime-endpoint': {
    type: 'string',
    default: defaultDockerEndpoint,
    help: 'The endpoint of container runtime service: the socket of a Docker engine, or of a CRI runtime (containerd, CRI-O).',
  },
  'image-service-endpoint': {
    type: 'string',
    default: '',
    help: 'The endpoint of container image service. If not specified, it will be the same with --container-runtime-endpoint by default.',
  },
  'pod-infra-container-image': {
    type: 'string',
    default: defaultPauseImage,
    help: 'The image of the sandbox; made locally when the engine does not have it.',
  },
  'cni-conf-dir': {
    type: 'string',
    default: '/etc/cni/net.d',
    help: 'The full path of the directory in which to search for CNI config files. With a CRI runtime, which looks for itself, the kubelet writes its network only where this flag is set.',
  },
  'cni-bin-dir': {
    type: 'strings',
    default: ['/opt/cni/bin', '/usr/lib/cni'],
    help: 'A comma-separated list of directories in which to search for CNI plugin binaries.',
  },
  'network-plugin-mtu': {
    type: 'int',
    default: 0,
    help: 'The MTU of the bridge network that the kubelet writes; 0 is the default of the bridge.',
  },
  address: { type: 'string', default: '0.0.0.0', help: 'The IP address for the Kubelet to serve on.' },
  port: { type: 'int', default: 10250, help: 'The port for the Kubelet to serve on.' },
  'read-only-port': {
    type: 'int',
    default: 0,
    help: 'The read-only port for the Kubelet to serve on with no authentication/authorization; only 0, which disables it, is implemented.',
  },
  'healthz-bind-address': {
    type: 'string',
    default: '127.0.0.1',
    help: 'The IP address for the healthz server to serve on.',
  },
  'healthz-port': {
    type: 'int',
    default: 10248,
    help: 'The port of the localhost healthz endpoint (set to 0 to disable).',
  },
  'client-ca-file': {
    type: 'string',
    default: '',
    help: 'If set, any request presenting a client certificate signed by one of the authorities in the client-ca-file is authenticated.',
  },
  'tls-cert-file': { type: 'string', default: '', help: 'File containing x509 Certificate used for serving HTTPS.' },
  'tls-private-key-file': {
    type: 'string',
    default: '',
    help: 'File containing x509 private key matching --tls-cert-file.',
  },
  ...tlsFlags,
  'anonymous-auth': {
    type: 'bool',
    default: false,
    help: 'Enables anonymous requests to the Kubelet server; only false is implemented.',
  },
  'authorization-mode': {
    type: 'string',
    default: 'Webhook',
    help: 'Authorization mode for Kubelet server. Valid options are AlwaysAllow or Webhook.',
  },
  'authentication-token-webhook': {
    type: 'bool',
    default: true,
    help: 'Use the TokenReview API to determine authentication for bearer tokens.',
  },
  'cluster-dns': { type: 'strings', default: [], help: 'Comma-separated list of DNS server IP address.' },
  'cluster-domain': { type: 'string', default: '', help: 'Domain for this cluster.' },
  'resolv-conf': {
    type: 'string',
    default: '/etc/resolv.conf',
    help: 'Resolver configuration file used as the basis for the container DNS resolution configuration.',
  },
  'max-pods': { type: 'int', default: 110, help: 'Number of Pods that can run on this Kubelet.' },
  'pod-cidr': {
    type: 'string',
    default: '',
    help: 'The CIDR to use for pod IP addresses, only used in standalone mode.',
  },
  'pod-manifest-path': {
    type: 'string',
    default: '',
    help: 'Path to the directory containing static pod files to run, or the path to a single static pod file.',
  },
  'sync-frequency': {
    type: 'duration',
    default: 60_000,
    help: 'Max period between synchronizing running containers and config.',
  },
  'file-check-frequency': {
    type: 'duration',
    default: 20_000,
    help: 'Duration between checking config files for new data.',
  },
  'node-status-update-frequency': {
    type: 'duration',
    default: 10_000,
    help: 'Specifies how often kubelet posts node status to master.',
  },
  'serialize-image-pulls': { type: 'bool', default: false, help: 'Pull images one at a time.' },
  'system-reserved': {
    type: 'map',
    default: {},
    help: 'A set of ResourceName=ResourceQuantity pairs that describe resources reserved for non-kubernetes components.',
  },
  'kube-reserved': {
    type: 'map',
    default: {},
    help: 'A set of ResourceName=ResourceQuantity pairs that describe resources reserved for kubernetes system components.',
  },
  'reserved-cpus': {
    type: 'string',
    default: '',
    help: 'A comma-separated list of CPUs or CPU ranges that are reserved for system and kubernetes usage; supersedes the cpu of --system-reserved and --kube-reserved.',
  },
  'enforce-node-allocatable': {
    type: 'strings',
    default: [],
    help: 'A comma separated list of levels of node allocatable enforcement to be enforced by kubelet: pods or none. Default: pods.',
  },
  'eviction-hard': {
    type: 'strings',
    default: [],
    help: "A set of eviction thresholds (e.g. memory.available<1Gi) that if met would trigger a pod eviction. Default: upstream's of Linux.",
  },
  'eviction-soft': {
    type: 'strings',
    default: [],
    help: 'A set of eviction thresholds (e.g. memory.available<1.5Gi) that if met over a corresponding grace period would trigger a pod eviction.',
  },
  'eviction-soft-grace-period': {
    type: 'map',
    default: {},
    help: 'A set of eviction grace periods (e.g. memory.available=1m30s) that correspond to how long a soft eviction threshold must hold before triggering a pod eviction.',
  },
  'eviction-minimum-reclaim': {
    type: 'map',
    default: {},
    help: 'A set of minimum reclaims (e.g. imagefs.available=2Gi) that describes the minimum amount of resource the kubelet will reclaim when performing a pod eviction if that resource is under pressure.',
  },
  'eviction-pressure-transition-period': {
    type: 'duration',
    default: 300_000,
    help: 'Duration for which the kubelet has to wait before transitioning out of an eviction pressure condition.',
  },
  'eviction-max-pod-grace-period': {
    type: 'int',
    default: 0,
    help: 'Maximum allowed grace period (in seconds) to use when terminating pods in response to a soft eviction threshold being met.',
  },
  'local-storage-capacity-isolation': {
    type: 'bool',
    default: true,
    help: 'If true, local ephemeral storage isolation is enabled. Otherwise, local storage isolation feature will be disabled.',
  },
  'cgroups-per-qos': { type: 'bool', default: true, help: 'Enable creation of QoS cgroup hierarchy.' },
  'cpu-cfs-quota': {
    type: 'bool',
    default: true,
    help: 'Enable CPU CFS quota enforcement for containers that specify CPU limits.',
  },
  'pods-per-core': {
    type: 'int',
    default: 0,
    help: 'Number of Pods per core that can run on this kubelet. The total number of pods on this kubelet cannot exceed --max-pods. A value of 0 disables this limit.',
  },
  'node-status-max-images': {
    type: 'int',
    default: 50,
    help: 'The maximum number of images to report in node.status.images. If -1 is specified, no cap will be applied.',
  },
  'oom-score-adj': {
    type: 'int',
    default: -999,
    help: 'The oom-score-adj value for kubelet process. Values must be within the range [-1000, 1000].',
  },
  'max-open-files': {
    type: 'int',
    default: 1_000_000,
    help: 'Number of files that can be opened by the kubelet process.',
  },
  'registry-qps': { type: 'int', default: 5, help: 'If > 0, limit registry pull QPS to this value. If 0, unlimited.' },
  'registry-burst': {
    type: 'int',
    default: 10,
    help: 'Maximum size of bursty pulls, temporarily allows pulls to burst to this number, while still not exceeding registry-qps.',
  },
  'enable-server': { type: 'bool', default: true, help: "Enable the Kubelet's server." },
  'enable-debugging-handlers': {
    type: 'bool',
    default: true,
    help: 'Enables server endpoints for log collection and local running of containers and commands.',
  },
  'register-schedulable': {
    type: 'bool',
    default: true,
    help: "Register the node as schedulable. Won't have any effect if register-node is false.",
  },
  'image-gc-high-threshold': {
    type: 'int',
    default: 85,
    help: 'The percent of disk usage after which image garbage collection is always run.',
  },
  'image-gc-low-threshold': {
    type: 'int',
    default: 80,
    help: 'The percent of disk usage before which image garbage collection is never run.',
  },
  'image-credential-provider-config': {
    type: 'string',
    default: '',
    help: 'Path to a credential provider plugin config file (JSON/YAML).',
  },
  'image-credential-provider-bin-dir': {
    type: 'string',
    default: '',
    help: 'The path to the directory where credential provider plugin binaries are located.',
  },
  'rotate-certificates': {
    type: 'bool',
    default: false,
    help: 'Auto rotate the kubelet client certificates by requesting new certificates from the kube-apiserver when the certificate expiration approaches.',
  },
  'rotate-server-certificates': {
    type: 'bool',
    default: false,
    help: 'Auto-request and rotate the kubelet serving certificates by requesting new certificates from the kube-apiserver when the certificate expiration approaches.',
  },
  'cgroup-driver': {
    type: 'string',
    default: '',
    help: 'Driver that the kubelet uses to manipulate cgroups on the host; an engine that tells its own wins.',
  },
  'fail-swap-on': {
    type: 'bool',
    default: true,
    help: 'Makes the Kubelet fail to start if swap is enabled on the node.',
  },
  'feature-gates': {
    type: 'map',
    default: {},
    help: 'A set of key=value pairs that describe feature gates for alpha/experimental features.',
  },
})

export type KubeletFlags = FlagValues<typeof kubeletFlags>
