/** KubeProxyConfiguration (kubeproxy.config.k8s.io/v1alpha1): its fields, defaults and rules. Pure. */
import { isIP } from 'node:net'
import { type FieldError, invalid } from '../../api/meta/field-error.ts'
import { isValidCidr } from '../../api/meta/names.ts'
import { type Shape } from '../../component-base/config/decode-config.ts'
import { formatDuration, parseDuration } from '../../component-base/flags/duration.ts'
import { familyOf } from '../family.ts'

export const apiVersion = 'kubeproxy.config.k8s.io/v1alpha1'
export const kind = 'KubeProxyConfiguration'

const syncShape = { syncPeriod: 'duration', minSyncPeriod: 'duration' } as const

/** All fields of v1.36, those of other modes and systems too. */
export const configurationFields: Readonly<Record<string, Shape>> = {
  apiVersion: 'string',
  kind: 'string',
  featureGates: { map: 'bool' },
  clientConnection: {
    fields: {
      kubeconfig: 'string',
      acceptContentTypes: 'string',
      contentType: 'string',
      qps: 'any',
      burst: 'int',
    },
  },
  logging: 'any',
  hostnameOverride: 'string',
  bindAddress: 'string',
  healthzBindAddress: 'string',
  metricsBindAddress: 'string',
  bindAddressHardFail: 'bool',
  enableProfiling: 'bool',
  showHiddenMetricsForVersion: 'string',
  mode: 'string',
  iptables: { fields: { masqueradeBit: 'int', masqueradeAll: 'bool', localhostNodePorts: 'bool', ...syncShape } },
  ipvs: {
    fields: {
      ...syncShape,
      scheduler: 'string',
      excludeCIDRs: { list: 'string' },
      strictARP: 'bool',
      tcpTimeout: 'duration',
      tcpFinTimeout: 'duration',
      udpTimeout: 'duration',
    },
  },
  nftables: { fields: { masqueradeBit: 'int', masqueradeAll: 'bool', ...syncShape } },
  winkernel: 'any',
  detectLocalMode: 'string',
  detectLocal: { fields: { bridgeInterface: 'string', interfaceNamePrefix: 'string' } },
  clusterCIDR: 'string',
  nodePortAddresses: { list: 'string' },
  oomScoreAdj: 'int',
  conntrack: {
    fields: {
      maxPerCore: 'int',
      min: 'int',
      tcpEstablishedTimeout: 'duration',
      tcpCloseWaitTimeout: 'duration',
      tcpBeLiberal: 'bool',
      udpTimeout: 'duration',
      udpStreamTimeout: 'duration',
    },
  },
  configSyncPeriod: 'duration',
  portRange: 'string',
  windowsRunAsService: 'bool',
}

export const localModes = ['ClusterCIDR', 'NodeCIDR', 'BridgeInterface', 'InterfaceNamePrefix'] as const
export type LocalMode = (typeof localModes)[number]

/** What of the configuration this proxy goes by, with its defaults. Durations are Go's texts. */
export interface ProxyConfiguration {
  readonly clientConnection: { readonly kubeconfig: string }
  readonly hostnameOverride: string
  readonly bindAddress: string
  readonly healthzBindAddress: string
  readonly metricsBindAddress: string
  readonly bindAddressHardFail: boolean
  readonly mode: string
  readonly nftables: {
    readonly masqueradeBit: number
    readonly masqueradeAll: boolean
    readonly syncPeriod: string
    readonly minSyncPeriod: string
  }
  readonly detectLocalMode: string
  readonly detectLocal: { readonly bridgeInterface: string; readonly interfaceNamePrefix: string }
  readonly clusterCIDR: string
  readonly nodePortAddresses: readonly string[]
  readonly oomScoreAdj: number
  readonly conntrack: {
    readonly maxPerCore: number
    readonly min: number
    readonly tcpEstablishedTimeout: string
    readonly tcpCloseWaitTimeout: string
    readonly tcpBeLiberal: boolean
    readonly udpTimeout: string
    readonly udpStreamTimeout: string
  }
}

type Raw = Readonly<Record<string, unknown>>

const section = (document: Raw, name: string): Raw => (document[name] ?? {}) as Raw

/** `10.0.0.1` and `::` get the port. */
const withPort = (address: string, port: number): string => {
  if (isIP(address) === 4) return `${address}:${port}`
  return isIP(address) === 6 ? `[${address}]:${port}` : address
}

/** A duration of 0 is one that was not given. */
const durationOr = (value: unknown, fallbackMs: number): string =>
  typeof value === 'string' && parseDuration(value) !== 0 ? value : formatDuration(fallbackMs)

/** Fills what a document (decoded by `configurationFields`) does not say. Upstream: v1alpha1/defaults.go. */
export const withDefaults = (document: Raw): ProxyConfiguration => {
  const nftables = section(document, 'nftables')
  const conntrack = section(document, 'conntrack')
  const detectLocal = section(document, 'detectLocal')
  const text = (from: Raw, name: string): string => (from[name] as string | undefined) ?? ''
  const bindAddress = text(document, 'bindAddress') || '0.0.0.0'
  const isV6 = isIP(bindAddress) === 6
  const nodePortAddresses = (document['nodePortAddresses'] ?? []) as string[]
  return {
    clientConnection: { kubeconfig: text(section(document, 'clientConnection'), 'kubeconfig') },
    hostnameOverride: text(document, 'hostnameOverride'),
    bindAddress,
    healthzBindAddress: withPort(text(document, 'healthzBindAddress') || (isV6 ? '::' : '0.0.0.0'), 10_256),
    metricsBindAddress: withPort(text(document, 'metricsBindAddress') || (isV6 ? '::1' : '127.0.0.1'), 10_249),
    bindAddressHardFail: document['bindAddressHardFail'] === true,
    mode: text(document, 'mode'),
    nftables: {
      masqueradeBit: (nftables['masqueradeBit'] as number | undefined) ?? 14,
      masqueradeAll: nftables['masqueradeAll'] === true,
      syncPeriod: durationOr(nftables['syncPeriod'], 30_000),
      minSyncPeriod: durationOr(nftables['minSyncPeriod'], 1_000),
    },
    detectLocalMode: text(document, 'detectLocalMode') || 'ClusterCIDR',
    detectLocal: {
      bridgeInterface: text(detectLocal, 'bridgeInterface'),
      interfaceNamePrefix: text(detectLocal, 'interfaceNamePrefix'),
    },
    clusterCIDR: text(document, 'clusterCIDR'),
    // In this mode upstream serves node ports on the node's own addresses alone.
    nodePortAddresses: nodePortAddresses.length === 0 ? ['primary'] : nodePortAddresses,
    oomScoreAdj: (document['oomScoreAdj'] as number | undefined) ?? -999,
    conntrack: {
      maxPerCore: (conntrack['maxPerCore'] as number | undefined) ?? 32_768,
      min: (conntrack['min'] as number | undefined) ?? 131_072,
      tcpEstablishedTimeout: (conntrack['tcpEstablishedTimeout'] as string | undefined) ?? '24h',
      tcpCloseWaitTimeout: (conntrack['tcpCloseWaitTimeout'] as string | undefined) ?? '1h',
      tcpBeLiberal: conntrack['tcpBeLiberal'] === true,
      udpTimeout: text(conntrack, 'udpTimeout') || '0s',
      udpStreamTimeout: text(conntrack, 'udpStreamTimeout') || '0s',
    },
  }
}

const root = kind

const hostPortErrors = (field: string, address: string): FieldError[] => {
  const colon = address.lastIndexOf(':')
  if (colon < 0) return [invalid(field, address, 'must be IP:port')]
  const host = address.slice(0, colon).replace(/^\[(.*)\]$/, '$1')
  const port = Number(address.slice(colon + 1))
  return [
    ...(isIP(host) === 0 ? [invalid(field, host, 'must be a valid IP')] : []),
    ...(Number.isInteger(port) && port > 0 && port < 65_536
      ? []
      : [invalid(field, address.slice(colon + 1), 'must be a valid port')]),
  ]
}

const nonNegative = (field: string, value: number | string): FieldError[] => {
  const amount = typeof value === 'number' ? value : (parseDuration(value) ?? -1)
  return amount >= 0 ? [] : [invalid(field, value, 'must be greater than or equal to 0')]
}

const clusterCidrErrors = (clusterCIDR: string): FieldError[] => {
  const field = `${root}.ClusterCIDR`
  const cidrs = clusterCIDR.split(',')
  if (clusterCIDR === '') return []
  if (cidrs.length > 2)
    return [
      invalid(
        field,
        clusterCIDR,
        'only one CIDR allowed or a valid DualStack CIDR (e.g. 10.100.0.0/16,fde4:8dba:82e1::/48)',
      ),
    ]
  const areValid = cidrs.every((cidr) => isValidCidr(cidr).length === 0)
  if (cidrs.length === 2) {
    const isDual = areValid && new Set(cidrs.map(familyOf)).size === 2
    return isDual
      ? []
      : [invalid(field, clusterCIDR, 'must be a valid DualStack CIDR (e.g. 10.100.0.0/16,fde4:8dba:82e1::/48)')]
  }
  return areValid
    ? []
    : [invalid(field, clusterCIDR, 'must be a valid CIDR block (e.g. 10.100.0.0/16 or fde4:8dba:82e1::/48)')]
}

const nodePortAddressErrors = (addresses: readonly string[]): FieldError[] => {
  const field = `${root}.NodePortAddresses`
  return addresses.flatMap((address, index) => {
    if (address === 'primary') {
      return addresses.length === 1
        ? []
        : [invalid(`${field}[${index}]`, address, "can't use both 'primary' and CIDRs")]
    }
    return isValidCidr(address).length === 0 ? [] : [invalid(`${field}[${index}]`, address, 'must be a valid CIDR')]
  })
}

const nftablesErrors = ({ nftables }: ProxyConfiguration): FieldError[] => {
  const field = `${root}.KubeProxyNFTablesConfiguration`
  const sync = parseDuration(nftables.syncPeriod) ?? -1
  const min = parseDuration(nftables.minSyncPeriod) ?? -1
  return [
    ...(nftables.masqueradeBit >= 0 && nftables.masqueradeBit <= 31
      ? []
      : [invalid(`${field}.MasqueradeBit`, nftables.masqueradeBit, 'must be within the range [0, 31]')]),
    ...(sync > 0 ? [] : [invalid(`${field}.SyncPeriod`, nftables.syncPeriod, 'must be greater than 0')]),
    ...nonNegative(`${field}.MinSyncPeriod`, nftables.minSyncPeriod),
    ...(min <= sync
      ? []
      : [
          invalid(
            `${field}.SyncPeriod`,
            nftables.minSyncPeriod,
            `must be greater than or equal to ${field}.MinSyncPeriod`,
          ),
        ]),
  ]
}

const detectLocalErrors = ({ detectLocalMode, detectLocal }: ProxyConfiguration): FieldError[] => {
  const path = `${root}.DetectLocal`
  if (!(localModes as readonly string[]).includes(detectLocalMode))
    return [invalid(`${root}.DetectLocalMode`, detectLocalMode, `must be ${localModes.join(', ')} or blank`)]
  const { bridgeInterface, interfaceNamePrefix } = detectLocal
  const nameErrors = (field: string, name: string): FieldError[] =>
    name.length > 0 && name.length <= 15 && !/[\s/"]/.test(name)
      ? []
      : [invalid(`${path}.${field}`, name, 'must be the name of an interface')]
  if (detectLocalMode === 'BridgeInterface') return nameErrors('BridgeInterface', bridgeInterface)
  return detectLocalMode === 'InterfaceNamePrefix' ? nameErrors('InterfaceNamePrefix', interfaceNamePrefix) : []
}

/** Everything that is wrong with a configuration, in upstream's words. */
export const validateConfiguration = (config: ProxyConfiguration): FieldError[] => {
  const { conntrack } = config
  const tracked = `${root}.KubeProxyConntrackConfiguration`
  return [
    ...nftablesErrors(config),
    ...nonNegative(`${tracked}.MaxPerCore`, conntrack.maxPerCore),
    ...nonNegative(`${tracked}.Min`, conntrack.min),
    ...nonNegative(`${tracked}.TCPEstablishedTimeout`, conntrack.tcpEstablishedTimeout),
    ...nonNegative(`${tracked}.TCPCloseWaitTimeout`, conntrack.tcpCloseWaitTimeout),
    ...nonNegative(`${tracked}.UDPTimeout`, conntrack.udpTimeout),
    ...nonNegative(`${tracked}.UDPStreamTimeout`, conntrack.udpStreamTimeout),
    ...(config.mode === '' || config.mode === 'nftables'
      ? []
      : [invalid(`${root}.Mode`, config.mode, 'only nftables is supported by kubets')]),
    ...(config.oomScoreAdj >= -1_000 && config.oomScoreAdj <= 1_000
      ? []
      : [invalid(`${root}.OOMScoreAdj`, config.oomScoreAdj, 'must be within the range [-1000, 1000]')]),
    ...(isIP(config.bindAddress) !== 0
      ? []
      : [invalid(`${root}.BindAddress`, config.bindAddress, 'not a valid textual representation of an IP address')]),
    ...(config.healthzBindAddress === ''
      ? []
      : hostPortErrors(`${root}.HealthzBindAddress`, config.healthzBindAddress)),
    ...(config.metricsBindAddress === ''
      ? []
      : hostPortErrors(`${root}.MetricsBindAddress`, config.metricsBindAddress)),
    ...clusterCidrErrors(config.clusterCIDR),
    ...nodePortAddressErrors(config.nodePortAddresses),
    ...detectLocalErrors(config),
  ]
}
