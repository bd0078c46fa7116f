/** The configuration of this process: from the file of --config, or else from flags. */
import { dump } from 'js-yaml'
import { loadConfigFile } from '../../component-base/config/config-file.ts'
import { ConfigTypeError, decodeConfig } from '../../component-base/config/decode-config.ts'
import { formatDuration } from '../../component-base/flags/duration.ts'
import type { FlagValues, ParsedFlags } from '../../component-base/flags/flags.ts'
import { UsageError } from '../../component-base/process/run.ts'
import {
  apiVersion,
  configurationFields,
  kind,
  type ProxyConfiguration,
  validateConfiguration,
  withDefaults,
} from './configuration.ts'
import type { flags } from './flags.ts'

export type ProxyFlags = ParsedFlags<typeof flags>
type Values = FlagValues<typeof flags>

/** The deprecated port flags only have a say where nobody gave the address. */
const addressOf = (values: Values, isSet: ProxyFlags['isSet'], name: 'healthz' | 'metrics'): string => {
  const address = values[`${name}-bind-address`]
  const port = values[`${name}-port`]
  if (port === 0) return ''
  return isSet(`${name}-bind-address`) || !isSet(`${name}-port`)
    ? address
    : `${address.slice(0, address.lastIndexOf(':'))}:${port}`
}

const fromFlags = ({ values, isSet }: ProxyFlags): ProxyConfiguration => {
  const config = withDefaults({
    clientConnection: { kubeconfig: values.kubeconfig },
    bindAddress: values['bind-address'],
    bindAddressHardFail: values['bind-address-hard-fail'],
    mode: values['proxy-mode'],
    nftables: { masqueradeAll: values['masquerade-all'] },
    detectLocalMode: values['detect-local-mode'],
    detectLocal: {
      bridgeInterface: values['pod-bridge-interface'],
      interfaceNamePrefix: values['pod-interface-name-prefix'],
    },
    clusterCIDR: values['cluster-cidr'],
    nodePortAddresses: values['nodeport-addresses'],
    oomScoreAdj: values['oom-score-adj'],
    conntrack: {
      maxPerCore: values['conntrack-max-per-core'],
      min: values['conntrack-min'],
      tcpEstablishedTimeout: formatDuration(values['conntrack-tcp-timeout-established']),
      tcpCloseWaitTimeout: formatDuration(values['conntrack-tcp-timeout-close-wait']),
      tcpBeLiberal: values['conntrack-tcp-be-liberal'],
      udpTimeout: formatDuration(values['conntrack-udp-timeout']),
      udpStreamTimeout: formatDuration(values['conntrack-udp-timeout-stream']),
    },
  })
  // Where the file knows no "none", an empty flag is one.
  return {
    ...config,
    healthzBindAddress: addressOf(values, isSet, 'healthz'),
    metricsBindAddress: addressOf(values, isSet, 'metrics'),
  }
}

const fromFile = (path: string): ProxyConfiguration => {
  try {
    const { value, problems } = decodeConfig(configurationFields, loadConfigFile(path, { apiVersion, kind }))
    if (problems.length > 0) throw new UsageError(`config file ${path}: strict decoding error: ${problems.join(', ')}`)
    return withDefaults(value)
  } catch (error) {
    if (error instanceof ConfigTypeError) throw new UsageError(`config file ${path}: ${error.message}`)
    throw error
  }
}

/** Throws UsageError with all that is wrong. */
export const loadConfiguration = (parsed: ProxyFlags): ProxyConfiguration => {
  const { values } = parsed
  const loaded = values.config === '' ? fromFlags(parsed) : fromFile(values.config)
  // This flag alone has a say beside the file.
  const config =
    values['hostname-override'] === '' ? loaded : { ...loaded, hostnameOverride: values['hostname-override'] }
  const errors = validateConfiguration(config)
  if (errors.length > 0) throw new UsageError(errors.map(({ field, detail }) => `${field}: ${detail}`).join(', '))
  return config
}

/** The default configuration as a file. */
export const defaultConfigurationText = (): string => dump({ apiVersion, kind, ...withDefaults({}) })
