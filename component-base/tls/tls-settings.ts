/** Versions and ciphers of a component's secure port, by the flags that all of upstream's components share. */
import type { SecureVersion } from 'node:tls'
import { defineFlags } from '../flags/flags.ts'
import { UsageError } from '../process/run.ts'
import { cipherList } from './cipher-suites.ts'

export const tlsFlags = defineFlags({
  'tls-cipher-suites': {
    type: 'strings',
    default: [],
    help: 'Comma-separated list of cipher suites for the server. If omitted, the defaults of Node.js are used; those of TLS 1.3 are always on.',
  },
  'tls-min-version': {
    type: 'string',
    default: '',
    help: 'Minimum TLS version supported: VersionTLS12 or VersionTLS13.',
  },
})

/** What a server hands to node:tls beside its certificate. */
export interface TlsSettings {
  readonly minVersion: SecureVersion
  /** Absent: the defaults of Node.js. */
  readonly ciphers?: string
}

const versions: Readonly<Record<string, SecureVersion>> = {
  '': 'TLSv1.2',
  // Old versions are taken, as Go takes them, and mean the oldest that OpenSSL still has on.
  VersionTLS10: 'TLSv1.2',
  VersionTLS11: 'TLSv1.2',
  VersionTLS12: 'TLSv1.2',
  VersionTLS13: 'TLSv1.3',
}

/** Throws UsageError for a name that upstream does not know. */
export const tlsSettings = (suites: readonly string[], version: string): TlsSettings => {
  const minVersion = Object.hasOwn(versions, version) ? versions[version] : undefined
  if (minVersion === undefined) throw new UsageError(`unknown tls version ${JSON.stringify(version)}`)
  if (suites.length === 0) return { minVersion }
  const unknown = (suite: string): Error => new UsageError(`Cipher suite ${suite} not supported or doesn't exist`)
  const ciphers = cipherList(suites, unknown)
  if (ciphers === undefined) throw new UsageError(`none of the cipher suites ${suites.join(',')} is in this OpenSSL`)
  return { minVersion, ciphers }
}
