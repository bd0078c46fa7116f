/** The kubelet's configuration: KubeletConfiguration (kubelet.config.k8s.io/v1beta1) with flags over it. */
import { existsSync } from 'node:fs'
import { hostname } from 'node:os'
import { join, resolve } from 'node:path'
import type { Taint } from '../../api/types.ts'
import { gateValues } from '../../component-base/features/feature-gates.ts'
import type { ParsedFlags } from '../../component-base/flags/flags.ts'
import { UsageError } from '../../component-base/process/run.ts'
import { type TlsSettings, tlsSettings } from '../../component-base/tls/tls-settings.ts'
import { parseThresholds, type Threshold } from '../eviction/thresholds.ts'
import type { kubeletFlags } from '../options.ts'
import { completeConfiguration, refusedFields, toDocument } from './complete.ts'
import { parseCpuSet } from './cpu-set.ts'
import { type Document, readConfiguration } from './drop-ins.ts'
import { type KubeletGates, kubeletGates } from './feature-gates.ts'
import { type PluginConfig, loadPlugins } from '../runtime/images/credential-plugins.ts'
import type { GcPolicy } from '../runtime/images/image-gc.ts'
import type { VerificationPolicy } from '../runtime/images/pull-records.ts'
import { flagDocument } from './flag-fields.ts'
import { nodeLabelsProblem } from './node-labels.ts'
import { type ConfigReader, readerOf } from './reader.ts'
import { validateConfiguration } from './validate.ts'

/** Pods of this priority and above have this long to end when the node shuts down. */
export interface ShutdownGrace {
  readonly priority: number
  readonly graceSeconds: number
}

export interface EvictionConfig {
  readonly thresholds: readonly Threshold[]
  readonly pressureTransitionMs: number
  /** Of Pods that a soft threshold ends. */
  readonly maxPodGraceSeconds: number
}

export interface KubeletConfig {
  readonly kubeconfig: string
  /** A kubeconfig with a token, to ask for the first client certificate with; '' asks for none. */
  readonly bootstrapKubeconfig: string
  readonly rotateCertificates: boolean
  /** The serving certificate is asked of the cluster. */
  readonly serverTLSBootstrap: boolean
  readonly nodeName: string
  readonly nodeIPs: readonly string[]
  readonly nodeLabels: Readonly<Record<string, string>>
  readonly registerNode: boolean
  readonly registerSchedulable: boolean
  readonly registerWithTaints: readonly Taint[]
  readonly providerId: string
  readonly externalCloudProvider: boolean
  readonly rootDir: string
  readonly certDir: string
  readonly seccompDefault: boolean
  /** Of one Pod; 0 or less is no limit. */
  readonly podPidsLimit: number
  /** Names, and prefixes that end in `*`. */
  readonly allowedUnsafeSysctls: readonly string[]
  /** A qps of 0 is no limit. */
  readonly eventRate: { readonly qps: number; readonly burst: number }
  readonly pullRate: { readonly qps: number; readonly burst: number }
  /** Silence after which exec, attach and port-forward are cut; 0 never. */
  readonly streamingIdleTimeoutMs: number
  readonly servesNodeLogs: boolean
  readonly enableServer: boolean
  /** exec, attach, port-forward, run, logs: answered with 405 without it. */
  readonly debuggingHandlers: boolean
  readonly runtimeEndpoint: string
  /** '' is the runtime's. */
  readonly imageServiceEndpoint: string
  /** For runtimes that do not tell theirs. */
  readonly cgroupDriver: string
  /** --cni-conf-dir was given: a network may be written there whatever the runtime is. */
  readonly ownsCniConf: boolean
  readonly pauseImage: string
  readonly cniConfDir: string
  readonly cniBinDirs: readonly string[]
  readonly mtu: number
  readonly address: string
  readonly port: number
  readonly healthzBindAddress: string
  readonly healthzPort: number
  readonly clientCaFile: string
  readonly tlsCertFile: string
  readonly tlsKeyFile: string
  readonly tlsSettings: TlsSettings
  readonly authorizationMode: 'AlwaysAllow' | 'Webhook'
  readonly tokenAuthentication: boolean
  readonly clusterDNS: readonly string[]
  readonly clusterDomain: string
  readonly resolvConf: string
  readonly maxPods: number
  /** 0 is no limit. */
  readonly podsPerCore: number
  readonly podCidr: string
  readonly staticPodPath: string
  readonly staticPodUrl: string
  readonly staticPodUrlHeader: Readonly<Record<string, readonly string[]>>
  readonly syncFrequencyMs: number
  readonly fileCheckFrequencyMs: number
  readonly httpCheckFrequencyMs: number
  readonly nodeStatusUpdateFrequencyMs: number
  /** An unchanged status is sent this often all the same. */
  readonly nodeStatusReportFrequencyMs: number
  /** -1 is all. */
  readonly nodeStatusMaxImages: number
  readonly nodeLeaseDurationSeconds: number
  readonly maxParallelImagePulls: number
  readonly cgroupsPerQos: boolean
  /** Below which the Pods' cgroups are; '' is the top. */
  readonly cgroupRoot: string
  /** The cgroup of all Pods is limited to what is allocatable. */
  readonly enforcesAllocatable: boolean
  readonly reserved: readonly Readonly<Record<string, string>>[]
  readonly evictionHard: Readonly<Record<string, string>>
  readonly eviction: EvictionConfig
  readonly localStorageIsolation: boolean
  readonly volumeStatsPeriodMs: number
  readonly crashLoopMaxMs: number
  /** By rising priority; empty: a shutdown of the node is not waited for. */
  readonly shutdownGrace: readonly ShutdownGrace[]
  readonly containerLogMaxSize: string
  readonly containerLogMaxFiles: number
  readonly imageGc: GcPolicy
  readonly imageVerification: { readonly policy: VerificationPolicy; readonly allowlist: readonly string[] }
  readonly credentialPlugins: readonly PluginConfig[]
  readonly containerLogMaxWorkers: number
  readonly containerLogMonitorMs: number
  readonly podLogsDir: string
  readonly oomScoreAdj: number
  readonly maxOpenFiles: number
  readonly protectKernelDefaults: boolean
  readonly failSwapOn: boolean
  /** A rule keeps others from what listens on the loopback address. */
  readonly blocksLoopback: boolean
  readonly gates: KubeletGates
  /** The whole KubeletConfiguration, for /configz. */
  readonly document: Document
  /** What was said in vain, a sentence each. */
  readonly warnings: readonly string[]
}

type Parsed = ParsedFlags<typeof kubeletFlags>

const usage = <Result>(work: () => Result): Result => {
  try {
    return work()
  } catch (error) {
    throw error instanceof UsageError ? error : new UsageError((error as Error).message)
  }
}

/** Files, then flags: a gate on the command line joins those of the files. */
const gatesOf = (config: ConfigReader, { values }: Parsed): KubeletGates =>
  usage(() =>
    kubeletGates(new Map([...Object.entries(config.bools('featureGates')), ...gateValues(values['feature-gates'])])),
  )

/** An aggregate as Go prints it. */
const aggregate = (errors: readonly string[]): string =>
  errors.length === 1 ? (errors[0] ?? '') : `[${errors.join(', ')}]`

/** --reserved-cpus takes the place of the cpu in both reserves. */
const reservedOf = (config: ConfigReader): Readonly<Record<string, string>>[] => {
  const [system, kube] = [config.map('systemReserved'), config.map('kubeReserved')]
  const cpus = parseCpuSet(config.string('reservedSystemCPUs'))
  if (typeof cpus === 'string' || cpus.size === 0) return [system, kube]
  const { cpu: _cpu, ...rest } = kube
  return [{ ...system, cpu: String(cpus.size) }, rest]
}

/** Both ways to say it are one list. Upstream: migrateConfig. */
const shutdownGraceOf = (config: ConfigReader): ShutdownGrace[] => {
  const list = config.objects('shutdownGracePeriodByPodPriority').map(({ priority, shutdownGracePeriodSeconds }) => ({
    priority: Number(priority ?? 0),
    graceSeconds: Number(shutdownGracePeriodSeconds ?? 0),
  }))
  const total = Math.floor(config.duration('shutdownGracePeriod') / 1000)
  const critical = Math.floor(config.duration('shutdownGracePeriodCriticalPods') / 1000)
  if (list.length === 0 && total > 0) {
    list.push({ priority: 0, graceSeconds: total - critical }, { priority: 2_000_000_000, graceSeconds: critical })
  }
  return list.toSorted((a, b) => a.priority - b.priority)
}

const headersOf = (config: ConfigReader, document: Document): Record<string, string[]> => {
  const header = config.has('staticPodURLHeader') ? document['staticPodURLHeader'] : {}
  return Object.fromEntries(
    Object.entries(header as Record<string, unknown>).map(([name, texts]) => [name, [texts].flat().map(String)]),
  )
}

const verificationPolicies = [
  'NeverVerify',
  'NeverVerifyPreloadedImages',
  'NeverVerifyAllowlistedImages',
  'AlwaysVerify',
] as const

const verificationPolicy = (text: string): VerificationPolicy => {
  const policy = verificationPolicies.find((known) => known === text)
  if (policy === undefined) {
    throw new UsageError(
      `invalid configuration: option ${JSON.stringify(text)} specified for imagePullCredentialsVerificationPolicy. Valid options are ${verificationPolicies.map((known) => JSON.stringify(known)).join(', ')}`,
    )
  }
  return policy
}

/** Flags win over the files, the files over the defaults. Throws UsageError. */
export const toConfig = (parsed: Parsed): KubeletConfig => {
  const { values } = parsed
  const files = readConfiguration(values.config, values['config-dir'])
  const completed = usage(() => completeConfiguration(files, flagDocument(parsed)))
  const config = readerOf(completed.values)
  const gates = gatesOf(config, parsed)
  const cgroupVersion = existsSync('/sys/fs/cgroup/cgroup.controllers') ? 2 : 1
  const problems = validateConfiguration(config, { gates, cgroupVersion })
  if (problems.length > 0) {
    throw new UsageError(`failed to validate kubelet configuration, error: ${aggregate(problems)}`)
  }
  const refused = refusedFields(completed.values)
  if (refused.length > 0) throw new UsageError(aggregate(refused))
  const mode = config.string('authorization.mode')
  if (mode !== 'AlwaysAllow' && mode !== 'Webhook') throw new UsageError(`unknown authorization mode ${mode}`)
  const labelsProblem = nodeLabelsProblem(values['node-labels'])
  if (labelsProblem !== undefined) throw new UsageError(labelsProblem)
  const document = toDocument(completed.values)
  const rootDir = resolve(values['root-dir'])
  const enforced = config.strings('enforceNodeAllocatable')
  const thresholds = usage(() =>
    parseThresholds({
      hard: config.map('evictionHard'),
      soft: config.map('evictionSoft'),
      softGracePeriod: config.map('evictionSoftGracePeriod'),
      minimumReclaim: config.map('evictionMinimumReclaim'),
      enforcesAllocatable: enforced.includes('pods'),
    }),
  )
  return {
    kubeconfig: values.kubeconfig,
    bootstrapKubeconfig: values['bootstrap-kubeconfig'],
    rotateCertificates: config.bool('rotateCertificates'),
    serverTLSBootstrap: config.bool('serverTLSBootstrap'),
    nodeName: (values['hostname-override'] === '' ? hostname() : values['hostname-override']).toLowerCase(),
    nodeIPs: values['node-ip'].split(',').filter((ip) => ip !== ''),
    nodeLabels: values['node-labels'],
    registerNode: config.bool('registerNode'),
    registerSchedulable: values['register-schedulable'],
    registerWithTaints: config.objects('registerWithTaints') as unknown as Taint[],
    providerId: config.string('providerID'),
    externalCloudProvider: values['cloud-provider'] === 'external',
    rootDir,
    certDir: values['cert-dir'] === '' ? join(rootDir, 'pki') : resolve(values['cert-dir']),
    seccompDefault: config.bool('seccompDefault'),
    podPidsLimit: config.int('podPidsLimit'),
    allowedUnsafeSysctls: config.strings('allowedUnsafeSysctls'),
    eventRate: { qps: config.int('eventRecordQPS'), burst: config.int('eventBurst') },
    pullRate: { qps: config.int('registryPullQPS'), burst: config.int('registryBurst') },
    streamingIdleTimeoutMs: config.duration('streamingConnectionIdleTimeout'),
    servesNodeLogs: config.bool('enableSystemLogHandler'),
    enableServer: config.bool('enableServer'),
    debuggingHandlers: config.bool('enableDebuggingHandlers'),
    runtimeEndpoint: config.string('containerRuntimeEndpoint'),
    imageServiceEndpoint: config.string('imageServiceEndpoint'),
    cgroupDriver: config.string('cgroupDriver') || 'cgroupfs',
    ownsCniConf: parsed.isSet('cni-conf-dir'),
    pauseImage: values['pod-infra-container-image'],
    cniConfDir: resolve(values['cni-conf-dir']),
    cniBinDirs: values['cni-bin-dir'],
    mtu: values['network-plugin-mtu'],
    address: config.string('address'),
    port: config.int('port'),
    healthzBindAddress: config.string('healthzBindAddress'),
    healthzPort: config.int('healthzPort'),
    clientCaFile: config.string('authentication.x509.clientCAFile'),
    tlsCertFile: config.string('tlsCertFile'),
    tlsKeyFile: config.string('tlsPrivateKeyFile'),
    tlsSettings: tlsSettings(config.strings('tlsCipherSuites'), config.string('tlsMinVersion')),
    authorizationMode: mode,
    tokenAuthentication: config.bool('authentication.webhook.enabled'),
    clusterDNS: config.strings('clusterDNS'),
    clusterDomain: config.string('clusterDomain') || 'cluster.local',
    resolvConf: config.string('resolvConf'),
    maxPods: config.int('maxPods'),
    podsPerCore: config.int('podsPerCore'),
    podCidr: config.string('podCIDR'),
    staticPodPath: config.string('staticPodPath'),
    staticPodUrl: config.string('staticPodURL'),
    staticPodUrlHeader: headersOf(config, document),
    syncFrequencyMs: config.duration('syncFrequency'),
    fileCheckFrequencyMs: config.duration('fileCheckFrequency'),
    httpCheckFrequencyMs: config.duration('httpCheckFrequency'),
    nodeStatusUpdateFrequencyMs: config.duration('nodeStatusUpdateFrequency'),
    nodeStatusReportFrequencyMs: config.duration('nodeStatusReportFrequency'),
    nodeStatusMaxImages: config.int('nodeStatusMaxImages'),
    nodeLeaseDurationSeconds: config.int('nodeLeaseDurationSeconds'),
    maxParallelImagePulls: config.bool('serializeImagePulls') ? 1 : Math.max(1, config.int('maxParallelImagePulls')),
    cgroupsPerQos: config.bool('cgroupsPerQOS'),
    cgroupRoot: config.string('cgroupRoot'),
    enforcesAllocatable: enforced.includes('pods'),
    reserved: reservedOf(config),
    evictionHard: config.map('evictionHard'),
    eviction: {
      thresholds,
      pressureTransitionMs: config.duration('evictionPressureTransitionPeriod'),
      maxPodGraceSeconds: config.int('evictionMaxPodGracePeriod'),
    },
    localStorageIsolation: config.bool('localStorageCapacityIsolation'),
    volumeStatsPeriodMs: config.duration('volumeStatsAggPeriod'),
    crashLoopMaxMs: config.duration('crashLoopBackOff.maxContainerRestartPeriod'),
    shutdownGrace: gates.GracefulNodeShutdown ? shutdownGraceOf(config) : [],
    containerLogMaxSize: config.string('containerLogMaxSize'),
    containerLogMaxFiles: config.int('containerLogMaxFiles'),
    imageGc: {
      highThresholdPercent: config.int('imageGCHighThresholdPercent'),
      lowThresholdPercent: config.int('imageGCLowThresholdPercent'),
      minAgeMs: config.duration('imageMinimumGCAge'),
      maxAgeMs: config.duration('imageMaximumGCAge'),
    },
    imageVerification: {
      policy: verificationPolicy(config.string('imagePullCredentialsVerificationPolicy')),
      allowlist: config.strings('preloadedImagesVerificationAllowlist'),
    },
    credentialPlugins: loadPlugins(
      values['image-credential-provider-config'],
      values['image-credential-provider-bin-dir'],
    ),
    containerLogMaxWorkers: config.int('containerLogMaxWorkers'),
    containerLogMonitorMs: config.duration('containerLogMonitorInterval'),
    podLogsDir: config.string('podLogsDir'),
    oomScoreAdj: config.int('oomScoreAdj'),
    maxOpenFiles: config.int('maxOpenFiles'),
    protectKernelDefaults: config.bool('protectKernelDefaults'),
    failSwapOn: config.bool('failSwapOn'),
    blocksLoopback: config.bool('makeIPTablesUtilChains'),
    gates,
    document,
    warnings: [
      ...completed.unknown.map(
        (name) => `Using lenient decoding as strict decoding failed: strict decoding error: unknown field "${name}"`,
      ),
      ...completed.moot.map(({ field, why }) => `${field} has no effect: ${why}`),
    ],
  }
}
