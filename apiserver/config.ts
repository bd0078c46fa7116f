/** From flags to what the server is built of: files read, defaults resolved, choices checked. */
import { readFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { kinds, optionalKinds } from '../api/kinds.ts'
import type { FlagValues, ParsedFlags } from '../component-base/flags/flags.ts'
import { formatValue } from '../component-base/flags/values.ts'
import { UsageError } from '../component-base/process/run.ts'
import { type TlsSettings, tlsSettings } from '../component-base/tls/tls-settings.ts'
import { readPluginConfigurations } from './admission/config/admission-configuration.ts'
import { checkPluginNames, type PluginSelection } from './admission/plugins.ts'
import { type AuditConfig, auditConfig } from './audit/config.ts'
import { type ExternalTokensConfig, externalTokensConfig } from './authentication/config.ts'
import { type AuthorizationConfig, authorizationConfig } from './authorization/config.ts'
import type { EncryptionOptions } from './encryption/encryption.ts'
import { type FeatureGates, parseFeatureGates } from './features/feature-gates.ts'
import { parseRuntimeConfig, type RuntimeConfig } from './features/runtime-config.ts'
import { flagSpecs, readFlags } from './options.ts'
import { checkServingFlags } from './serving-flags.ts'
import { type IpRange, parseServiceRanges } from './registry/services/ip-range.ts'
import type { KubeletClientConfig } from './server/context.ts'

export interface RequestHeaderConfig {
  readonly caFile: string
  readonly allowedNames: readonly string[]
  readonly usernameHeaders: readonly string[]
  readonly uidHeaders: readonly string[]
  readonly groupHeaders: readonly string[]
  readonly extraPrefixes: readonly string[]
}

export interface ServiceAccountConfig {
  /** The first signs; all are accepted. */
  readonly issuers: readonly string[]
  readonly keyFiles: readonly string[]
  readonly signingKeyFile: string
  readonly audiences: readonly string[]
  readonly maxExpirationSeconds: number
  readonly extendExpiration: boolean
  readonly jwksUri: string
}

/** How requests go on to the servers of APIServices. */
export interface AggregatorConfig {
  /** By which those servers know us; '' for none. */
  readonly certFile: string
  readonly keyFile: string
  readonly toEndpoints: boolean
  readonly rejectsRedirects: boolean
}

export interface Config {
  readonly etcd: {
    readonly servers: readonly string[]
    readonly caFile: string
    readonly certFile: string
    readonly keyFile: string
  }
  readonly etcdPrefix: string
  readonly compactionIntervalMs: number
  readonly eventTtlSeconds: number
  readonly bindAddress: string
  readonly securePort: number
  readonly advertiseAddress: string
  readonly reconcileEndpoints: boolean
  readonly tls: {
    /** '': `apiserver.crt` of `certDir`, made where there is none. */
    readonly certFile: string
    readonly keyFile: string
    readonly certDir: string
    readonly settings: TlsSettings
  }
  readonly clientCaFile: string
  readonly requestHeader: RequestHeaderConfig | undefined
  readonly aggregator: AggregatorConfig
  /** Tokens that others issue, and requests without any. */
  readonly externalTokens: ExternalTokensConfig
  readonly tokenAuthFile: string
  readonly bootstrapTokens: boolean
  readonly serviceAccount: ServiceAccountConfig
  readonly authorization: AuthorizationConfig
  readonly admission: PluginSelection
  readonly notReadyTolerationSeconds: number
  readonly unreachableTolerationSeconds: number
  readonly serviceRanges: readonly [IpRange, ...IpRange[]]
  /** How often addresses and ports of Services are checked, and from which age on an unused address was leaked. */
  readonly serviceRepair: { readonly intervalMs: number; readonly graceMs: number }
  readonly nodePorts: { readonly first: number; readonly last: number }
  readonly allowPrivileged: boolean
  readonly kubelet: KubeletClientConfig
  readonly maxInFlight: { readonly readOnly: number; readonly mutating: number }
  readonly priorityAndFairness: boolean
  readonly minRequestTimeoutSeconds: number
  readonly shutdownDelayMs: number
  /** undefined: everything is stored as it is. */
  readonly encryption: EncryptionOptions | undefined
  /** What `--runtime-config` asks for and leaves. */
  readonly runtimeConfig: RuntimeConfig
  readonly gates: FeatureGates
  readonly profiling: boolean
  /** Every flag with its value, for people. */
  readonly flagTexts: Readonly<Record<string, string>>
  /** undefined: nothing is audited. */
  readonly audit: AuditConfig | undefined
  readonly requestTimeoutMs: number
  readonly strictTransportSecurity: readonly string[]
  readonly http2: { readonly disabled: boolean; readonly maxStreams: number; readonly goawayChance: number }
}

const portRange = (text: string): { first: number; last: number } => {
  const match = /^(\d+)(?:-(\d+)|\+(\d+))?$/.exec(text)
  if (match === null) throw new UsageError(`invalid port range ${JSON.stringify(text)} for --service-node-port-range`)
  const first = Number(match[1])
  const last = match[2] !== undefined ? Number(match[2]) : first + Number(match[3] ?? 0)
  return { first, last }
}

/** Others cannot reach the server by these. */
const isUnspecifiedOrLoopback = (address: string): boolean =>
  address === '0.0.0.0' || address === '::' || address === '::1' || address.startsWith('127.')

/** Without --advertise-address: the address that is bound, or the first of this machine that is no loopback. */
const ownAddress = (bindAddress: string): string => {
  if (!isUnspecifiedOrLoopback(bindAddress)) return bindAddress
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? [])
  return all.find(({ family, internal }) => family === 'IPv4' && !internal)?.address ?? '127.0.0.1'
}

const flagTexts = (flags: FlagValues<typeof flagSpecs>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(flagSpecs).map(([name, { type }]) => [
      name,
      formatValue(type, flags[name as keyof typeof flagSpecs]),
    ]),
  )

/** What Go's HTTP/2 clients begin with. */
const defaultMaxStreams = 100

const pluginSelection = (flags: FlagValues<typeof flagSpecs>): PluginSelection => {
  const selection = {
    only: flags['admission-control'],
    enabled: flags['enable-admission-plugins'],
    disabled: flags['disable-admission-plugins'],
    configurations: readPluginConfigurations(flags['admission-control-config-file']),
  }
  checkPluginNames(selection)
  return selection
}

/** The configuration that a command line asks for; throws UsageError with what is wrong with it. */
export const parseConfig = (argv: readonly string[]): Config => configOf(readFlags(argv))

/** The same of flags that are read already. */
export const configOf = ({ values: flags, isSet }: ParsedFlags<typeof flagSpecs>): Config => {
  if (flags['etcd-servers'].length === 0) throw new UsageError('--etcd-servers must be specified')
  if (flags['encryption-provider-config-automatic-reload'] && flags['encryption-provider-config'] === '') {
    throw new UsageError('--encryption-provider-config-automatic-reload must be set with --encryption-provider-config')
  }
  checkServingFlags(flags)
  const issuers = flags['service-account-issuer']
  if (issuers.length === 0) throw new UsageError('service-account-issuer is a required flag')
  if (flags['service-account-signing-key-file'] === '')
    throw new UsageError('service-account-signing-key-file is a required flag')
  if (flags['tls-cert-file'] !== '' && flags['tls-private-key-file'] === '') {
    throw new UsageError('--tls-private-key-file is required with --tls-cert-file')
  }
  const keyFiles = flags['service-account-key-file']
  return {
    etcd: {
      servers: flags['etcd-servers'],
      caFile: flags['etcd-cafile'],
      certFile: flags['etcd-certfile'],
      keyFile: flags['etcd-keyfile'],
    },
    etcdPrefix: flags['etcd-prefix'].replace(/\/+$/, '').replace(/^\/*/, '/'),
    compactionIntervalMs: flags['etcd-compaction-interval'],
    eventTtlSeconds: flags['event-ttl'] / 1000,
    bindAddress: flags['bind-address'],
    securePort: flags['secure-port'],
    advertiseAddress:
      flags['advertise-address'] === '' ? ownAddress(flags['bind-address']) : flags['advertise-address'],
    reconcileEndpoints: flags['endpoint-reconciler-type'] !== 'none',
    tls: {
      certFile: flags['tls-cert-file'],
      keyFile: flags['tls-private-key-file'],
      certDir: flags['cert-dir'],
      settings: tlsSettings(flags['tls-cipher-suites'], flags['tls-min-version']),
    },
    clientCaFile: flags['client-ca-file'],
    requestHeader:
      flags['requestheader-client-ca-file'] === ''
        ? undefined
        : {
            caFile: flags['requestheader-client-ca-file'],
            allowedNames: flags['requestheader-allowed-names'],
            usernameHeaders: flags['requestheader-username-headers'],
            uidHeaders: flags['requestheader-uid-headers'],
            groupHeaders: flags['requestheader-group-headers'],
            extraPrefixes: flags['requestheader-extra-headers-prefix'],
          },
    aggregator: {
      certFile: flags['proxy-client-cert-file'],
      keyFile: flags['proxy-client-key-file'],
      toEndpoints: flags['enable-aggregator-routing'],
      rejectsRedirects: flags['aggregator-reject-forwarding-redirect'],
    },
    externalTokens: externalTokensConfig(flags, {
      isSet: (name) => isSet(name as keyof typeof flagSpecs),
      anonymousAuth: flags['anonymous-auth'],
      ownIssuers: issuers,
    }),
    tokenAuthFile: flags['token-auth-file'],
    bootstrapTokens: flags['enable-bootstrap-token-auth'],
    serviceAccount: {
      issuers,
      keyFiles: keyFiles.length > 0 ? keyFiles : [flags['service-account-signing-key-file']],
      signingKeyFile: flags['service-account-signing-key-file'],
      audiences: flags['api-audiences'].length > 0 ? flags['api-audiences'] : issuers,
      maxExpirationSeconds: flags['service-account-max-token-expiration'] / 1000,
      extendExpiration: flags['service-account-extend-token-expiration'],
      jwksUri: flags['service-account-jwks-uri'],
    },
    authorization: authorizationConfig(flags, isSet),
    admission: pluginSelection(flags),
    notReadyTolerationSeconds: flags['default-not-ready-toleration-seconds'],
    unreachableTolerationSeconds: flags['default-unreachable-toleration-seconds'],
    serviceRanges: parseServiceRanges(flags['service-cluster-ip-range']),
    serviceRepair: { intervalMs: 180_000, graceMs: 60_000 },
    nodePorts: portRange(flags['service-node-port-range']),
    allowPrivileged: flags['allow-privileged'],
    kubelet: {
      certFile: flags['kubelet-client-certificate'],
      keyFile: flags['kubelet-client-key'],
      caFile: flags['kubelet-certificate-authority'],
      preferredAddressTypes: flags['kubelet-preferred-address-types'],
    },
    maxInFlight: { readOnly: flags['max-requests-inflight'], mutating: flags['max-mutating-requests-inflight'] },
    priorityAndFairness: flags['enable-priority-and-fairness'],
    minRequestTimeoutSeconds: flags['min-request-timeout'],
    shutdownDelayMs: flags['shutdown-delay-duration'],
    encryption:
      flags['encryption-provider-config'] === ''
        ? undefined
        : {
            path: flags['encryption-provider-config'],
            reload: flags['encryption-provider-config-automatic-reload'],
          },
    audit: auditConfig(flags, isSet),
    requestTimeoutMs: flags['request-timeout'],
    runtimeConfig: parseRuntimeConfig(flags['runtime-config'], { byDefault: kinds, optional: optionalKinds }),
    gates: parseFeatureGates(flags['feature-gates']),
    profiling: flags.profiling,
    flagTexts: flagTexts(flags),
    strictTransportSecurity: flags['strict-transport-security-directives'],
    http2: {
      disabled: flags['disable-http2-serving'],
      maxStreams: flags['http2-max-streams-per-connection'] || defaultMaxStreams,
      goawayChance: flags['goaway-chance'],
    },
  }
}

/** A file's text, or undefined for an empty path. */
export const readOptional = (path: string): string | undefined => (path === '' ? undefined : readFileSync(path, 'utf8'))
