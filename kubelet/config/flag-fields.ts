/** Flags that say a field of KubeletConfiguration: what stands on the command line counts more than the files. */
import { formatDuration } from '../../component-base/flags/duration.ts'
import type { ParsedFlags } from '../../component-base/flags/flags.ts'
import { UsageError } from '../../component-base/process/run.ts'
import { kubeletFlags } from '../options.ts'
import { parseTaint } from './taint.ts'

type FlagName = keyof typeof kubeletFlags

/** Not the gates: see gatesOf. */
const fieldOf: Readonly<Partial<Record<FlagName, string>>> = {
  address: 'address',
  'allowed-unsafe-sysctls': 'allowedUnsafeSysctls',
  'anonymous-auth': 'authentication.anonymous.enabled',
  'authentication-token-webhook': 'authentication.webhook.enabled',
  'authorization-mode': 'authorization.mode',
  'cgroup-driver': 'cgroupDriver',
  'cgroups-per-qos': 'cgroupsPerQOS',
  'client-ca-file': 'authentication.x509.clientCAFile',
  'cluster-dns': 'clusterDNS',
  'cluster-domain': 'clusterDomain',
  'container-runtime-endpoint': 'containerRuntimeEndpoint',
  'cpu-cfs-quota': 'cpuCFSQuota',
  'enable-debugging-handlers': 'enableDebuggingHandlers',
  'enable-server': 'enableServer',
  'enforce-node-allocatable': 'enforceNodeAllocatable',
  'event-burst': 'eventBurst',
  'event-qps': 'eventRecordQPS',
  'eviction-hard': 'evictionHard',
  'eviction-max-pod-grace-period': 'evictionMaxPodGracePeriod',
  'eviction-minimum-reclaim': 'evictionMinimumReclaim',
  'eviction-pressure-transition-period': 'evictionPressureTransitionPeriod',
  'eviction-soft': 'evictionSoft',
  'eviction-soft-grace-period': 'evictionSoftGracePeriod',
  'fail-swap-on': 'failSwapOn',
  'file-check-frequency': 'fileCheckFrequency',
  'healthz-bind-address': 'healthzBindAddress',
  'healthz-port': 'healthzPort',
  'image-gc-high-threshold': 'imageGCHighThresholdPercent',
  'image-gc-low-threshold': 'imageGCLowThresholdPercent',
  'image-service-endpoint': 'imageServiceEndpoint',
  'kube-reserved': 'kubeReserved',
  'local-storage-capacity-isolation': 'localStorageCapacityIsolation',
  'make-iptables-util-chains': 'makeIPTablesUtilChains',
  'max-open-files': 'maxOpenFiles',
  'max-pods': 'maxPods',
  'node-status-max-images': 'nodeStatusMaxImages',
  'node-status-update-frequency': 'nodeStatusUpdateFrequency',
  'oom-score-adj': 'oomScoreAdj',
  'pod-cidr': 'podCIDR',
  'pod-manifest-path': 'staticPodPath',
  'pod-max-pids': 'podPidsLimit',
  'pods-per-core': 'podsPerCore',
  port: 'port',
  'protect-kernel-defaults': 'protectKernelDefaults',
  'provider-id': 'providerID',
  'read-only-port': 'readOnlyPort',
  'register-node': 'registerNode',
  'register-with-taints': 'registerWithTaints',
  'registry-burst': 'registryBurst',
  'registry-qps': 'registryPullQPS',
  'reserved-cpus': 'reservedSystemCPUs',
  'resolv-conf': 'resolvConf',
  'rotate-certificates': 'rotateCertificates',
  'rotate-server-certificates': 'serverTLSBootstrap',
  'seccomp-default': 'seccompDefault',
  'serialize-image-pulls': 'serializeImagePulls',
  'streaming-connection-idle-timeout': 'streamingConnectionIdleTimeout',
  'sync-frequency': 'syncFrequency',
  'system-reserved': 'systemReserved',
  'tls-cert-file': 'tlsCertFile',
  'tls-cipher-suites': 'tlsCipherSuites',
  'tls-min-version': 'tlsMinVersion',
  'tls-private-key-file': 'tlsPrivateKeyFile',
}

/** `memory.available<1Gi`: thresholds have a sign of their own. */
const thresholdsOf = (flag: string, texts: readonly string[]): Record<string, string> =>
  Object.fromEntries(
    texts.map((text) => {
      const sign = text.indexOf('<')
      if (sign < 0) {
        throw new UsageError(
          `invalid argument ${JSON.stringify(texts.join(','))} for "--${flag}" flag: malformed pair, expect string<string`,
        )
      }
      return [text.slice(0, sign).trim(), text.slice(sign + 1).trim()]
    }),
  )

const isTexts = (value: unknown): value is readonly string[] => Array.isArray(value)

const fieldValue = (flag: FlagName, value: unknown): unknown => {
  if (flag === 'register-with-taints' && isTexts(value)) return value.map(parseTaint)
  if ((flag === 'eviction-hard' || flag === 'eviction-soft') && isTexts(value)) return thresholdsOf(flag, value)
  return kubeletFlags[flag].type === 'duration' ? formatDuration(Number(value)) : value
}

/** What the command line says, by path of the field; not the gates, of which a flag adds to those of the files. */
export const flagDocument = ({ values, isSet }: ParsedFlags<typeof kubeletFlags>): Map<string, unknown> => {
  const document = new Map<string, unknown>()
  for (const [flag, path] of Object.entries(fieldOf) as [FlagName, string][]) {
    if (isSet(flag)) document.set(path, fieldValue(flag, values[flag]))
  }
  return document
}
