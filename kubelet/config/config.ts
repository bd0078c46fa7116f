/** The kubelet's configuration: KubeletConfiguration (kubelet.config.k8s.io/v1beta1) with flags over it. */
import { hostname } from 'node:os'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import type { Taint } from '../../api/types.ts'
import { loadConfigFile } from '../../component-base/config/config-file.ts'
import { parseDuration } from '../../component-base/flags/duration.ts'
import type { ParsedFlags } from '../../component-base/flags/flags.ts'
import { UsageError } from '../../component-base/process/run.ts'
import { type TlsSettings, tlsSettings } from '../../component-base/tls/tls-settings.ts'
import type { KubeletFlags, kubeletFlags } from '../options.ts'
import { configFields } from './fields.ts'

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
  readonly registerWithTaints: readonly Taint[]
  readonly providerId: string
  readonly externalCloudProvider: boolean
  readonly rootDir: string
  readonly certDir: string
  readonly seccompDefault: boolean
  /** Of one Pod; 0 or less is no limit. */
  readonly podPidsLimit: number
  /** A qps of 0 is no limit. */
  /** Names, and prefixes that end in `*`. */
  readonly allowedUnsafeSysctls: readonly string[]
  readonly eventRate: { readonly qps: number; readonly burst: number }
  /** Silence after which exec, attach and port-forward are cut; 0 never. */
  readonly streamingIdleTimeoutMs: number
  readonly servesNodeLogs: boolean
  readonly runtimeEndpoint: string
  readonly pauseImage: string
  readonly cniConfDir: string
  readonly cniBinDirs: readonly string[]
  readonly mtu: number
  readonly address: string
  readonly port: number
  readonly readOnlyPort: number
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
  readonly podCidr: string
  readonly staticPodPath: string
  readonly syncFrequencyMs: number
  readonly fileCheckFrequencyMs: number
  readonly nodeStatusUpdateFrequencyMs: number
  readonly nodeLeaseDurationSeconds: number
  readonly maxParallelImagePulls: number
  readonly reserved: readonly Readonly<Record<string, string>>[]
  readonly evictionHard: Readonly<Record<string, string>>
  readonly containerLogMaxSize: string
  readonly containerLogMaxFiles: number
  /** As the file has it, for /configz. */
  readonly raw: Readonly<Record<string, unknown>>
}

type Parsed = ParsedFlags<typeof kubeletFlags>

/** `key=value:effect`, `key:effect`. Throws UsageError. */
export const parseTaint = (text: string): Taint => {
  const [, key, , value, effect] = /^([^=:]+)(=([^:]*))?:(NoSchedule|PreferNoSchedule|NoExecute)$/.exec(text) ?? []
  if (key === undefined || effect === undefined) throw new UsageError(`invalid taint spec: ${text}`)
  return { key, effect, ...(value === undefined || value === '' ? {} : { value }) }
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Reads values of the file with a check of their type; names of unknown fields are refused as upstream's strict decoder does. */
const fileReader = (file: Readonly<Record<string, unknown>>, path: string) => {
  for (const field of Object.keys(file)) {
    if (!configFields.has(field))
      throw new UsageError(
        `failed to load kubelet config file ${path}: strict decoding error: unknown field "${field}"`,
      )
  }
  const at = (field: string): unknown =>
    field.split('.').reduce<unknown>((value, part) => (isRecord(value) ? value[part] : undefined), file)
  const wrong = (field: string, type: string): UsageError =>
    new UsageError(`config file ${path}: ${field} is not a ${type}`)
  return {
    string: (field: string): string | undefined => {
      const value = at(field)
      if (value === undefined || value === null) return undefined
      if (typeof value !== 'string') throw wrong(field, 'string')
      return value
    },
    number: (field: string): number | undefined => {
      const value = at(field)
      if (value === undefined || value === null) return undefined
      if (typeof value !== 'number') throw wrong(field, 'number')
      return value
    },
    bool: (field: string): boolean | undefined => {
      const value = at(field)
      if (value === undefined || value === null) return undefined
      if (typeof value !== 'boolean') throw wrong(field, 'boolean')
      return value
    },
    duration: (field: string): number | undefined => {
      const value = at(field)
      if (value === undefined || value === null) return undefined
      const ms = typeof value === 'string' ? parseDuration(value) : undefined
      if (ms === undefined) throw wrong(field, 'duration')
      // Upstream takes a zero as "not set".
      return ms === 0 ? undefined : ms
    },
    strings: (field: string): string[] | undefined => {
      const value = at(field)
      if (value === undefined || value === null) return undefined
      if (!Array.isArray(value) || !value.every((item) => typeof item === 'string'))
        throw wrong(field, 'list of strings')
      return value
    },
    map: (field: string): Record<string, string> | undefined => {
      const value = at(field)
      if (value === undefined || value === null) return undefined
      if (!isRecord(value)) throw wrong(field, 'map')
      return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, String(item)]))
    },
    taints: (field: string): Taint[] | undefined => {
      const value = at(field)
      return Array.isArray(value) ? (value as Taint[]) : undefined
    },
  }
}

/** Flags win over the file, the file over the defaults. Throws UsageError. */
export const toConfig = ({ values, isSet }: Parsed): KubeletConfig => {
  const path = values.config
  const raw =
    path === ''
      ? {}
      : loadConfigFile(path, { apiVersion: 'kubelet.config.k8s.io/v1beta1', kind: 'KubeletConfiguration' })
  const { apiVersion: _apiVersion, kind: _kind, ...fields } = raw
  const file = fileReader(fields, path)
  const choose = <Name extends keyof KubeletFlags>(
    flag: Name,
    fromFile: KubeletFlags[Name] | undefined,
  ): KubeletFlags[Name] => (isSet(flag) ? values[flag] : (fromFile ?? values[flag]))
  /** Paths in the file are relative to the file. */
  const filePath = (field: string): string | undefined => {
    const value = file.string(field)
    return value === undefined || value === '' || isAbsolute(value) ? value : resolve(dirname(path), value)
  }
  const mode = choose('authorization-mode', file.string('authorization.mode'))
  if (mode !== 'AlwaysAllow' && mode !== 'Webhook') throw new UsageError(`unknown authorization mode ${mode}`)
  const taints = isSet('register-with-taints')
    ? values['register-with-taints'].map(parseTaint)
    : (file.taints('registerWithTaints') ?? [])
  const rootDir = resolve(values['root-dir'])
  return {
    kubeconfig: values.kubeconfig,
    bootstrapKubeconfig: values['bootstrap-kubeconfig'],
    rotateCertificates: choose('rotate-certificates', file.bool('rotateCertificates')),
    serverTLSBootstrap: choose('rotate-server-certificates', file.bool('serverTLSBootstrap')),
    nodeName: (values['hostname-override'] === '' ? hostname() : values['hostname-override']).toLowerCase(),
    nodeIPs: values['node-ip'].split(',').filter((ip) => ip !== ''),
    nodeLabels: values['node-labels'],
    registerNode: choose('register-node', file.bool('registerNode')),
    registerWithTaints: taints,
    providerId: choose('provider-id', file.string('providerID')),
    externalCloudProvider: values['cloud-provider'] === 'external',
    rootDir,
    certDir: values['cert-dir'] === '' ? join(rootDir, 'pki') : resolve(values['cert-dir']),
    seccompDefault: choose('seccomp-default', file.bool('seccompDefault')),
    podPidsLimit: choose('pod-max-pids', file.number('podPidsLimit')),
    allowedUnsafeSysctls: choose('allowed-unsafe-sysctls', file.strings('allowedUnsafeSysctls')),
    eventRate: {
      qps: choose('event-qps', file.number('eventRecordQPS')),
      burst: choose('event-burst', file.number('eventBurst')),
    },
    streamingIdleTimeoutMs: choose(
      'streaming-connection-idle-timeout',
      file.duration('streamingConnectionIdleTimeout'),
    ),
    servesNodeLogs: file.bool('enableSystemLogHandler') ?? true,
    runtimeEndpoint: choose('container-runtime-endpoint', file.string('containerRuntimeEndpoint')),
    pauseImage: values['pod-infra-container-image'],
    cniConfDir: resolve(values['cni-conf-dir']),
    cniBinDirs: values['cni-bin-dir'],
    mtu: values['network-plugin-mtu'],
    address: choose('address', file.string('address')),
    port: choose('port', file.number('port')),
    readOnlyPort: choose('read-only-port', file.number('readOnlyPort')),
    healthzBindAddress: choose('healthz-bind-address', file.string('healthzBindAddress')),
    healthzPort: choose('healthz-port', file.number('healthzPort')),
    clientCaFile: choose('client-ca-file', filePath('authentication.x509.clientCAFile')),
    tlsCertFile: choose('tls-cert-file', filePath('tlsCertFile')),
    tlsKeyFile: choose('tls-private-key-file', filePath('tlsPrivateKeyFile')),
    tlsSettings: tlsSettings(
      choose('tls-cipher-suites', file.strings('tlsCipherSuites')),
      choose('tls-min-version', file.string('tlsMinVersion')),
    ),
    authorizationMode: mode,
    tokenAuthentication: choose('authentication-token-webhook', file.bool('authentication.webhook.enabled')),
    clusterDNS: choose('cluster-dns', file.strings('clusterDNS')),
    clusterDomain: choose('cluster-domain', file.string('clusterDomain')) || 'cluster.local',
    resolvConf: choose('resolv-conf', file.string('resolvConf')),
    maxPods: choose('max-pods', file.number('maxPods')),
    podCidr: choose('pod-cidr', file.string('podCIDR')),
    staticPodPath: choose('pod-manifest-path', filePath('staticPodPath')),
    syncFrequencyMs: choose('sync-frequency', file.duration('syncFrequency')),
    fileCheckFrequencyMs: choose('file-check-frequency', file.duration('fileCheckFrequency')),
    nodeStatusUpdateFrequencyMs: choose('node-status-update-frequency', file.duration('nodeStatusUpdateFrequency')),
    nodeLeaseDurationSeconds: file.number('nodeLeaseDurationSeconds') ?? 40,
    // Images that cannot be had (no registry) fail slowly: only who asks for it pulls one at a time.
    maxParallelImagePulls:
      (isSet('serialize-image-pulls') ? values['serialize-image-pulls'] : file.bool('serializeImagePulls')) === true
        ? 1
        : (file.number('maxParallelImagePulls') ?? 5),
    reserved: [
      choose('system-reserved', file.map('systemReserved')),
      choose('kube-reserved', file.map('kubeReserved')),
    ],
    evictionHard: choose('eviction-hard', file.map('evictionHard')),
    containerLogMaxSize: file.string('containerLogMaxSize') ?? '10Mi',
    containerLogMaxFiles: file.number('containerLogMaxFiles') ?? 5,
    raw: fields,
  }
}
