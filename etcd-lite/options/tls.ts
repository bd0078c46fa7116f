/** TLS of the client URLs: certificates, who is let in, versions and ciphers. */
import type { SecureVersion } from 'node:tls'
import { UsageError } from '../../component-base/process/run.ts'
import { cipherList } from '../../component-base/tls/cipher-suites.ts'
import type { FlagValues } from './flag-types.ts'
import type { etcdFlags } from './flag-table.ts'
import type { ListenAddress } from './urls.ts'

export interface TlsConfig {
  /** Files, or generated once and kept in the data directory. */
  readonly certificate:
    | { readonly type: 'files'; readonly certFile: string; readonly keyFile: string }
    | { readonly type: 'auto'; readonly hosts: readonly string[]; readonly validityYears: number }
  /** '' accepts clients without a certificate. */
  readonly clientCaFile: string
  /** '' revokes none. */
  readonly crlFile: string
  /** OpenSSL's list; undefined is Node's own. */
  readonly ciphers: string | undefined
  readonly minVersion: SecureVersion
  readonly maxVersion: SecureVersion
  /** A client certificate must be valid for one of these hosts; none asks for nothing. */
  readonly allowedHostnames: readonly string[]
  /** A client certificate must have one of these common names; none asks for nothing. */
  readonly allowedCommonNames: readonly string[]
}

const invalid = (message: string): UsageError => new UsageError(message, { exitCode: 1 })

const versions: Readonly<Record<string, SecureVersion>> = { 'TLS1.2': 'TLSv1.2', 'TLS1.3': 'TLSv1.3' }

const versionOf = (text: string, ifEmpty: SecureVersion): SecureVersion => {
  const version = text === '' ? ifEmpty : versions[text]
  if (version === undefined) {
    throw invalid(`unexpected TLS version ${JSON.stringify(text)} (must be one of: TLS1.2, TLS1.3)`)
  }
  return version
}

const ciphersOf = (suites: readonly string[]): string | undefined => {
  if (suites.length === 0) return undefined
  const list = cipherList(suites, (suite) => invalid(`unexpected TLS cipher suite ${JSON.stringify(suite)}`))
  if (list === undefined) throw invalid(`none of --cipher-suites ${suites.join(',')} is in this machine's OpenSSL`)
  return list
}

export interface TlsOptionsInput {
  readonly values: FlagValues<typeof etcdFlags>
  readonly addresses: readonly ListenAddress[]
  readonly allowedCommonNames: readonly string[]
}

const certificateOf = ({ values, addresses }: TlsOptionsInput): TlsConfig['certificate'] => {
  const certFile = values['cert-file']
  const keyFile = values['key-file']
  if (certFile !== '' && keyFile !== '') return { type: 'files', certFile, keyFile }
  if (values['auto-tls'] && certFile === '' && keyFile === '') {
    const hosts = addresses.flatMap((address) => (address.type === 'tcp' ? [address.host] : []))
    return { type: 'auto', hosts: [...new Set(hosts)], validityYears: values['self-signed-cert-validity'] }
  }
  const url = addresses.find(({ secure }) => secure)?.text ?? ''
  throw invalid(`TLS key/cert (--cert-file, --key-file) must be provided for client url ${url} with HTTPS scheme`)
}

/** Throws UsageError for what does not fit together; undefined when no URL is secure. */
export const tlsConfig = (input: TlsOptionsInput): TlsConfig | undefined => {
  const { values, addresses, allowedCommonNames } = input
  const minVersion = versionOf(values['tls-min-version'], 'TLSv1.2')
  const maxVersion = versionOf(values['tls-max-version'], 'TLSv1.3')
  if (minVersion > maxVersion) {
    const [min, max] = [values['tls-min-version'], values['tls-max-version']]
    throw invalid(`min version (${min}) is greater than max version (${max})`)
  }
  if (minVersion === 'TLSv1.3' && values['cipher-suites'].length > 0) {
    throw invalid('cipher suites cannot be configured when only TLS1.3 is enabled')
  }
  if (!addresses.some(({ secure }) => secure)) return undefined
  const clientAuth = values['client-cert-auth'] || values['trusted-ca-file'] !== ''
  if (clientAuth && values['trusted-ca-file'] === '') throw invalid('--client-cert-auth needs --trusted-ca-file')
  return {
    certificate: certificateOf(input),
    clientCaFile: values['trusted-ca-file'],
    crlFile: values['client-crl-file'],
    ciphers: ciphersOf(values['cipher-suites']),
    minVersion,
    maxVersion,
    allowedHostnames: values['client-cert-allowed-hostname'],
    allowedCommonNames,
  }
}
