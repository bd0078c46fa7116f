/**
 * Every field of KubeletConfiguration v1beta1 of v1.36: its type, its default, and what becomes of it here. A field of
 * an inner object stands under its path. Defaults are upstream's but where a comment says otherwise.
 */
import { defaultDockerEndpoint } from '../options.ts'

/** `quantities` is a map to texts; `object` and `objects` are checked where they are used. */
export type FieldType =
  | 'string'
  | 'bool'
  | 'int'
  | 'float'
  | 'duration'
  | 'strings'
  | 'map'
  | 'bools'
  | 'object'
  | 'objects'

/**
 * `honoured`: it does what it says. `moot`: taken, and told of when it is set, because what it is about is not here or
 * has no effect upstream either. `fixed`: a value other than the default ends the start.
 */
export type Effect =
  | { readonly type: 'honoured' }
  | { readonly type: 'moot'; readonly why: string }
  | { readonly type: 'fixed'; readonly why: string }

export interface Field {
  readonly type: FieldType
  readonly default: unknown
  readonly effect: Effect
}

/** Undefined as a default: absent unless it is set. */
type Rows = Readonly<Record<string, readonly [FieldType, unknown?]>>

const honoured: Rows = {
  enableServer: ['bool', true],
  staticPodPath: ['string'],
  staticPodURL: ['string'],
  staticPodURLHeader: ['object'],
  syncFrequency: ['duration', '1m0s'],
  fileCheckFrequency: ['duration', '20s'],
  httpCheckFrequency: ['duration', '20s'],
  address: ['string', '0.0.0.0'],
  port: ['int', 10_250],
  tlsCertFile: ['string'],
  tlsPrivateKeyFile: ['string'],
  tlsCipherSuites: ['strings'],
  tlsMinVersion: ['string'],
  rotateCertificates: ['bool'],
  serverTLSBootstrap: ['bool'],
  'authentication.x509.clientCAFile': ['string'],
  'authentication.webhook.enabled': ['bool', true],
  'authorization.mode': ['string', 'Webhook'],
  registryPullQPS: ['int', 5],
  registryBurst: ['int', 10],
  eventRecordQPS: ['int', 50],
  eventBurst: ['int', 100],
  enableDebuggingHandlers: ['bool', true],
  healthzPort: ['int', 10_248],
  healthzBindAddress: ['string', '127.0.0.1'],
  oomScoreAdj: ['int', -999],
  clusterDomain: ['string'],
  clusterDNS: ['strings'],
  streamingConnectionIdleTimeout: ['duration', '4h0m0s'],
  nodeStatusUpdateFrequency: ['duration', '10s'],
  nodeStatusReportFrequency: ['duration', '5m0s'],
  nodeLeaseDurationSeconds: ['int', 40],
  volumeStatsAggPeriod: ['duration', '1m0s'],
  cgroupRoot: ['string'],
  cgroupsPerQOS: ['bool', true],
  maxPods: ['int', 110],
  podCIDR: ['string'],
  podPidsLimit: ['int', -1],
  resolvConf: ['string', '/etc/resolv.conf'],
  nodeStatusMaxImages: ['int', 50],
  maxOpenFiles: ['int', 1_000_000],
  // Upstream pulls one image at a time unless told otherwise; here one that cannot be had would hold up all others.
  serializeImagePulls: ['bool', false],
  maxParallelImagePulls: ['int', 5],
  evictionHard: ['map'],
  evictionSoft: ['map'],
  evictionSoftGracePeriod: ['map'],
  evictionPressureTransitionPeriod: ['duration', '5m0s'],
  evictionMaxPodGracePeriod: ['int'],
  evictionMinimumReclaim: ['map'],
  mergeDefaultEvictionSettings: ['bool', false],
  podsPerCore: ['int'],
  protectKernelDefaults: ['bool'],
  featureGates: ['bools'],
  failSwapOn: ['bool', true],
  containerLogMaxSize: ['string', '10Mi'],
  containerLogMaxFiles: ['int', 5],
  containerLogMaxWorkers: ['int', 1],
  containerLogMonitorInterval: ['duration', '10s'],
  imageMinimumGCAge: ['duration', '2m0s'],
  imageMaximumGCAge: ['duration', '0s'],
  imageGCHighThresholdPercent: ['int', 85],
  imageGCLowThresholdPercent: ['int', 80],
  imagePullCredentialsVerificationPolicy: ['string', 'NeverVerifyPreloadedImages'],
  preloadedImagesVerificationAllowlist: ['strings'],
  podLogsDir: ['string', '/var/log/pods'],
  systemReserved: ['map'],
  kubeReserved: ['map'],
  reservedSystemCPUs: ['string'],
  enforceNodeAllocatable: ['strings', ['pods']],
  allowedUnsafeSysctls: ['strings'],
  providerID: ['string'],
  enableSystemLogHandler: ['bool', true],
  shutdownGracePeriod: ['duration', '0s'],
  shutdownGracePeriodCriticalPods: ['duration', '0s'],
  shutdownGracePeriodByPodPriority: ['objects'],
  'crashLoopBackOff.maxContainerRestartPeriod': ['duration', '5m0s'],
  seccompDefault: ['bool', false],
  makeIPTablesUtilChains: ['bool', true],
  registerWithTaints: ['objects'],
  registerNode: ['bool', true],
  localStorageCapacityIsolation: ['bool', true],
  // Upstream: containerd's socket.
  containerRuntimeEndpoint: ['string', defaultDockerEndpoint],
  imageServiceEndpoint: ['string'],
  // For runtimes that do not tell theirs.
  cgroupDriver: ['string', 'cgroupfs'],
  failCgroupV1: ['bool', false],
}

const moot: Readonly<Record<string, readonly [string, Rows]>> = {
  iptables: [
    'kube-proxy writes nftables and needs no help',
    {
      iptablesMasqueradeBit: ['int', 14],
      iptablesDropBit: ['int', 15],
    },
  ],
  network: ['the CNI plugin decides it, as it does upstream', { hairpinMode: ['string', 'promiscuous-bridge'] }],
  profiling: [
    'there is no Go runtime to be profiled',
    {
      enableContentionProfiling: ['bool'],
      enableProfilingHandler: ['bool', true],
      enableDebugFlagsHandler: ['bool', true],
    },
  ],
  requests: [
    'requests to the API server are in JSON, and not held back',
    {
      contentType: ['string', 'application/vnd.kubernetes.protobuf'],
      kubeAPIQPS: ['int', 50],
      kubeAPIBurst: ['int', 100],
    },
  ],
  engine: ['calls of the engine have time limits of their own', { runtimeRequestTimeout: ['duration', '2m0s'] }],
  reviews: [
    "answers of the API server are remembered for ten seconds, but a refusal's",
    {
      'authentication.webhook.cacheTTL': ['duration', '2m0s'],
      'authorization.webhook.cacheAuthorizedTTL': ['duration', '5m0s'],
      'authorization.webhook.cacheUnauthorizedTTL': ['duration', '30s'],
    },
  ],
  managers: [
    'the policy is none',
    {
      cpuManagerReconcilePeriod: ['duration', '10s'],
      topologyManagerScope: ['string', 'container'],
    },
  ],
  memory: ['MemoryQoS is off', { memoryThrottlingFactor: ['float', 0.9] }],
  plugins: [
    'FlexVolume plugins are not looked for',
    { volumePluginDir: ['string', '/usr/libexec/kubernetes/kubelet-plugins/volume/exec/'] },
  ],
  metrics: ['no metric is hidden', { showHiddenMetricsForVersion: ['string'] }],
  notification: ['memory is looked at every ten seconds', { kernelMemcgNotification: ['bool'] }],
  logging: ['logs are JSON, their verbosity is that of -v', { logging: ['object'] }],
}

const fixed: Readonly<Record<string, readonly [string, Rows]>> = {
  ports: ['the read-only port is not served', { readOnlyPort: ['int', 0] }],
  anonymous: ['anonymous requests are always refused', { 'authentication.anonymous.enabled': ['bool', false] }],
  tls: ['the curves are those of Node.js', { tlsCurvePreferences: ['objects'] }],
  cgroups: [
    'only the cgroups of Pods are written',
    {
      kubeletCgroups: ['string'],
      systemCgroups: ['string'],
      systemReservedCgroup: ['string'],
      kubeReservedCgroup: ['string'],
      qosReserved: ['map'],
    },
  ],
  oom: ['the kernel ends the one process that it chose', { singleProcessOOMKill: ['bool', true] }],
  managers: [
    'only the policy none is implemented by kubets',
    {
      cpuManagerPolicy: ['string', 'none'],
      cpuManagerPolicyOptions: ['map'],
      memoryManagerPolicy: ['string', 'None'],
      reservedMemory: ['objects'],
      topologyManagerPolicy: ['string', 'none'],
      topologyManagerPolicyOptions: ['map'],
    },
  ],
  once: ['runOnce is refused upstream too', { runOnce: ['bool'] }],
  quota: ['limits of cpu are always kept', { cpuCFSQuota: ['bool', true] }],
  period: ['the gate CustomCPUCFSQuotaPeriod is off', { cpuCFSQuotaPeriod: ['duration', '100ms'] }],
  attach: ['the attach-detach controller attaches volumes', { enableControllerAttachDetach: ['bool', true] }],
  swap: ['containers have no swap', { 'memorySwap.swapBehavior': ['string', ''] }],
  detection: ['ConfigMaps and Secrets are watched', { configMapAndSecretChangeDetectionStrategy: ['string', 'Watch'] }],
  query: ['queries of node logs are not implemented by kubets', { enableSystemLogQuery: ['bool'] }],
  tracing: ['traces are not implemented by kubets', { tracing: ['object'] }],
  users: ['user namespaces have 65536 ids', { 'userNamespaces.idsPerPod': ['int', 65_536] }],
}

const grouped = (groups: typeof moot, effect: (why: string) => Effect): [string, Field][] =>
  Object.values(groups).flatMap(([why, rows]) =>
    Object.entries(rows).map(([path, [type, initial]]): [string, Field] => [
      path,
      { type, default: initial, effect: effect(why) },
    ]),
  )

/** By path: `authentication.webhook.enabled`. */
export const configFields: ReadonlyMap<string, Field> = new Map([
  ...Object.entries(honoured).map(([path, [type, initial]]): [string, Field] => [
    path,
    { type, default: initial, effect: { type: 'honoured' } },
  ]),
  ...grouped(moot, (why) => ({ type: 'moot', why })),
  ...grouped(fixed, (why) => ({ type: 'fixed', why })),
])

/** Zero, empty or nothing is a value of these; of all others it means that the default is wanted (Go's pointers). */
export const zeroIsValue: ReadonlySet<string> = new Set(
  `registryPullQPS eventRecordQPS healthzPort oomScoreAdj imageGCHighThresholdPercent imageGCLowThresholdPercent
  podPidsLimit resolvConf nodeStatusMaxImages kubeAPIQPS containerLogMaxFiles containerLogMaxWorkers
  containerLogMonitorInterval iptablesMasqueradeBit iptablesDropBit maxParallelImagePulls cpuCFSQuotaPeriod
  crashLoopBackOff.maxContainerRestartPeriod memoryThrottlingFactor enforceNodeAllocatable evictionHard`
    .trim()
    .split(/\s+/),
)
