/**
 * Whether a KubeletConfiguration makes sense: upstream's rules, order and words, for the gates as v1.36 has them.
 * Pure. Upstream: pkg/kubelet/apis/config/validation.
 */
import { isAbsolute, normalize } from 'node:path'
import { formatDuration } from '../../component-base/flags/duration.ts'
import type { KubeletGates } from './feature-gates.ts'
import { parseCpuSet } from './cpu-set.ts'
import type { ConfigReader } from './reader.ts'

export interface ValidationContext {
  readonly gates: KubeletGates
  readonly cgroupVersion: 1 | 2
}

type Rule = (config: ConfigReader, context: ValidationContext) => readonly string[]

const when = (wrong: boolean, message: string): string[] => (wrong ? [message] : [])
const outside = (value: number, low: number, high: number): boolean => value < low || value > high
const shown = (config: ConfigReader, path: string): string => formatDuration(config.duration(path))
const quoted = (value: string): string => JSON.stringify(value)
const list = (values: readonly string[]): string => `[${values.map(quoted).join(' ')}]`

const notNegative =
  (path: string, flag: string): Rule =>
  (config) =>
    when(config.int(path) < 0, `${path} (${flag}) ${config.int(path)} must not be a negative number`)

const inRange =
  (path: string, flag: string, [low, high]: readonly [number, number]): Rule =>
  (config) =>
    when(
      outside(config.int(path), low, high),
      `${path} (${flag}) ${config.int(path)} must be between ${low} and ${high}, inclusive`,
    )

const healthzPort: Rule = (config, context) =>
  config.int('healthzPort') === 0 ? [] : inRange('healthzPort', '--healthz-port', [1, 65_535])(config, context)

const imageAges: Rule = (config) => {
  const [least, most] = [config.duration('imageMinimumGCAge'), config.duration('imageMaximumGCAge')]
  const [shownLeast, shownMost] = [shown(config, 'imageMinimumGCAge'), shown(config, 'imageMaximumGCAge')]
  const [low, high] = [config.int('imageGCLowThresholdPercent'), config.int('imageGCHighThresholdPercent')]
  return [
    ...when(
      low >= high,
      `imageGCLowThresholdPercent (--image-gc-low-threshold) ${low} must be less than imageGCHighThresholdPercent (--image-gc-high-threshold) ${high}`,
    ),
    ...when(least < 0, `imageMinimumGCAge ${shownLeast} must not be negative`),
    ...when(most < 0, `imageMaximumGCAge ${shownMost} must not be negative`),
    ...when(
      most > 0 && most <= least,
      `imageMaximumGCAge ${shownMost} must be greater than imageMinimumGCAge ${shownLeast}`,
    ),
  ]
}

const parallelPulls: Rule = (config) => {
  if (!config.has('maxParallelImagePulls')) return []
  const pulls = config.int('maxParallelImagePulls')
  return [
    ...when(pulls < 1, `maxParallelImagePulls ${pulls} must be a positive number`),
    ...when(
      config.bool('serializeImagePulls') && pulls > 1,
      'maxParallelImagePulls cannot be larger than 1 unless SerializeImagePulls (--serialize-image-pulls) is set to false',
    ),
  ]
}

const effects = ['NoSchedule', 'PreferNoSchedule', 'NoExecute']

const taints: Rule = (config) =>
  config
    .objects('registerWithTaints')
    .flatMap(({ key, effect, value = '', timeAdded }) => [
      ...when(
        typeof key !== 'string' || key === '' || typeof effect !== 'string' || !effects.includes(effect),
        `invalid taint: {${String(key ?? '')} ${String(value)} ${String(effect ?? '')} <nil>}`,
      ),
      ...when(timeAdded !== undefined && timeAdded !== null, 'taint.TimeAdded is not nil'),
    ])

const oneOf =
  (path: string, words: (value: string, allowed: readonly string[]) => string, allowed: readonly string[]): Rule =>
  (config) =>
    when(!allowed.includes(config.string(path)), words(config.string(path), allowed))

const topologyPolicy = oneOf(
  'topologyManagerPolicy',
  (value, allowed) =>
    `topologyManagerPolicy (--topology-manager-policy) ${quoted(value)} must be one of: ${list(allowed)}`,
  ['none', 'best-effort', 'restricted', 'single-numa-node'],
)
const topologyScope = oneOf(
  'topologyManagerScope',
  (value) => `topologyManagerScope (--topology-manager-scope) ${quoted(value)} must be one of: "container", or "pod"`,
  ['container', 'pod'],
)
const swapBehavior = oneOf(
  'memorySwap.swapBehavior',
  (value) => `memorySwap.swapBehavior ${quoted(value)} must be one of: "", "LimitedSwap" or "NoSwap"`,
  ['', 'NoSwap', 'LimitedSwap'],
)
const hairpinMode = oneOf(
  'hairpinMode',
  (value) =>
    `option ${quoted(value)} specified for hairpinMode (--hairpin-mode). Valid options are "none", "hairpin-veth" or "promiscuous-bridge"`,
  ['none', 'hairpin-veth', 'promiscuous-bridge'],
)

const shutdown: Rule = (config, { gates }) => {
  const total = config.duration('shutdownGracePeriod')
  const critical = config.duration('shutdownGracePeriodCriticalPods')
  const byPriority = config.objects('shutdownGracePeriodByPodPriority').length > 0
  const [shownTotal, shownCritical] = [
    shown(config, 'shutdownGracePeriod'),
    shown(config, 'shutdownGracePeriodCriticalPods'),
  ]
  if (!gates.GracefulNodeShutdown) {
    return when(
      total > 0 || critical > 0,
      'specifying shutdownGracePeriod or shutdownGracePeriodCriticalPods requires feature gate GracefulNodeShutdown',
    )
  }
  const tooShort = (ms: number): boolean => ms < 0 || (ms > 0 && ms < 1000)
  return [
    ...when(
      critical > total,
      `shutdownGracePeriodCriticalPods ${shownCritical} must be <= shutdownGracePeriod ${shownTotal}`,
    ),
    ...when(tooShort(total), `shutdownGracePeriod ${shownTotal} must be either zero or otherwise >= 1 sec`),
    ...when(
      tooShort(critical),
      `shutdownGracePeriodCriticalPods ${shownCritical} must be either zero or otherwise >= 1 sec`,
    ),
    ...when(
      byPriority && (total > 0 || critical > 0),
      'Cannot specify both shutdownGracePeriodByPodPriority and shutdownGracePeriod at the same time',
    ),
  ]
}

const crashLoop: Rule = (config) => {
  const ms = config.duration('crashLoopBackOff.maxContainerRestartPeriod')
  return when(
    outside(ms, 1000, 300_000),
    `CrashLoopBackOff.MaxContainerRestartPeriod (got: ${ms / 1000} seconds) must be set between 1s and 300s`,
  )
}

const reservedCgroups: Readonly<Record<string, readonly [string, string]>> = {
  'system-reserved': ['systemReservedCgroup', '--system-reserved-cgroup'],
  'system-reserved-compressible': ['systemReservedCgroup', '--system-reserved-cgroup'],
  'kube-reserved': ['kubeReservedCgroup', '--kube-reserved-cgroup'],
  'kube-reserved-compressible': ['kubeReservedCgroup', '--kube-reserved-cgroup'],
}
const field = 'enforceNodeAllocatable (--enforce-node-allocatable)'

const enforcement = (config: ConfigReader, value: string, all: readonly string[]): string[] => {
  if (value === 'none') {
    return when(all.length > 1, `${field} may not contain additional enforcements when "none" is specified`)
  }
  const cgroup = reservedCgroups[value]
  if (cgroup === undefined && value !== 'pods') {
    return [
      `option ${quoted(value)} specified for ${field}. Valid options are "pods", "system-reserved", "system-reserved-compressible", "kube-reserved", "kube-reserved-compressible" or "none"`,
    ]
  }
  const which = value.startsWith('system') ? 'system' : 'kube'
  return [
    ...when(
      cgroup !== undefined && config.string(cgroup[0]) === '',
      `${cgroup?.join(' (') ?? ''}) must be specified when "${which}-reserved" or "${which}-reserved-compressible" included in ${field}`,
    ),
    ...when(
      !config.bool('cgroupsPerQOS'),
      `cgroupsPerQOS (--cgroups-per-qos) must be set to true when ${quoted(value)} contained in ${field}`,
    ),
  ]
}

const enforcements: Rule = (config) => {
  const values = config.strings('enforceNodeAllocatable')
  const both = ['system-reserved', 'kube-reserved'].flatMap((name) =>
    when(
      values.includes(name) && values.includes(`${name}-compressible`),
      `both "${name}" and "${name}-compressible" cannot be specified together in ${field}`,
    ),
  )
  return [
    ...both,
    ...values.flatMap((value, index) =>
      values.indexOf(value) < index
        ? [`duplicated enforcements ${quoted(value)} in ${field}`]
        : enforcement(config, value, values),
    ),
  ]
}

const reservedCpus: Rule = (config) => {
  const text = config.string('reservedSystemCPUs')
  if (text === '') return []
  const set = parseCpuSet(text)
  return [
    ...when(
      config.string('systemReservedCgroup') !== '' || config.string('kubeReservedCgroup') !== '',
      "can't use reservedSystemCPUs (--reserved-cpus) with systemReservedCgroup (--system-reserved-cgroup) or kubeReservedCgroup (--kube-reserved-cgroup)",
    ),
    ...when(
      typeof set === 'string',
      `unable to parse reservedSystemCPUs (--reserved-cpus) ${text}, error: ${String(set)}`,
    ),
  ]
}

const logs: Rule = (config) => {
  const folder = config.string('podLogsDir')
  return [
    ...when(config.int('containerLogMaxWorkers') < 1, 'containerLogMaxWorkers must be greater than or equal to 1'),
    ...when(
      config.duration('containerLogMonitorInterval') < 3000,
      'containerLogMonitorInterval must be a positive time duration greater than or equal to 3s',
    ),
    ...when(config.int('containerLogMaxFiles') <= 1, 'containerLogMaxFiles must be greater than 1'),
    ...when(!isAbsolute(folder), `pod logs path ${quoted(folder)} must be absolute path`),
    ...when(normalize(folder) !== folder, `pod logs path ${quoted(folder)} must be normalized`),
  ]
}

const factor: Rule = (config) => {
  const value = config.int('memoryThrottlingFactor')
  return when(
    value <= 0 || value > 1,
    `memoryThrottlingFactor ${value} must be greater than 0 and less than or equal to 1.0`,
  )
}

/** In upstream's order; each message follows "invalid configuration: ". */
const rules: readonly Rule[] = [
  (config) => when(config.int('nodeLeaseDurationSeconds') <= 0, 'nodeLeaseDurationSeconds must be greater than 0'),
  (config) =>
    when(
      config.string('systemCgroups') !== '' && config.string('cgroupRoot') === '',
      'systemCgroups (--system-cgroups) was specified and cgroupRoot (--cgroup-root) was not specified',
    ),
  notNegative('eventBurst', '--event-burst'),
  notNegative('eventRecordQPS', '--event-qps'),
  healthzPort,
  (config) =>
    when(
      config.duration('cpuCFSQuotaPeriod') !== 100,
      `cpuCFSQuotaPeriod (--cpu-cfs-quota-period) ${shown(config, 'cpuCFSQuotaPeriod')} requires feature gate CustomCPUCFSQuotaPeriod`,
    ),
  inRange('imageGCHighThresholdPercent', '--image-gc-high-threshold', [0, 100]),
  inRange('imageGCLowThresholdPercent', '--image-gc-low-threshold', [0, 100]),
  imageAges,
  inRange('iptablesDropBit', '--iptables-drop-bit', [0, 31]),
  inRange('iptablesMasqueradeBit', '--iptables-masquerade-bit', [0, 31]),
  notNegative('kubeAPIBurst', '--kube-api-burst'),
  notNegative('kubeAPIQPS', '--kube-api-qps'),
  (config) =>
    when(
      config.int('nodeStatusMaxImages') < -1,
      `nodeStatusMaxImages (--node-status-max-images) ${config.int('nodeStatusMaxImages')} must be -1 or greater`,
    ),
  notNegative('maxOpenFiles', '--max-open-files'),
  notNegative('maxPods', '--max-pods'),
  inRange('oomScoreAdj', '--oom-score-adj', [-1000, 1000]),
  notNegative('podsPerCore', '--pods-per-core'),
  inRange('port', '--port', [1, 65_535]),
  inRange('readOnlyPort', '--read-only-port', [0, 65_535]),
  notNegative('registryBurst', '--registry-burst'),
  notNegative('registryPullQPS', '--registry-qps'),
  parallelPulls,
  (config) =>
    when(config.bool('runOnce'), 'runOnce (--runOnce) true, Runonce mode has been deprecated and should not be set'),
  taints,
  topologyPolicy,
  topologyScope,
  shutdown,
  swapBehavior,
  crashLoop,
  enforcements,
  hairpinMode,
  reservedCpus,
  factor,
  (config) =>
    when(config.bool('enableSystemLogQuery'), 'NodeLogQuery feature gate is required for enableSystemLogQuery'),
  logs,
]

/** Everything that is wrong, each a sentence. */
export const validateConfiguration = (config: ConfigReader, context: ValidationContext): string[] => {
  const failsOnV1 = config.bool('failCgroupV1') && context.cgroupVersion === 1
  return [
    ...rules.flatMap((rule) => rule(config, context)).map((message) => `invalid configuration: ${message}`),
    ...when(
      failsOnV1,
      'kubelet is configured to not run on a host using cgroup v1. cgroup v1 support is in maintenance mode',
    ),
  ]
}
