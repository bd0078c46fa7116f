/** Whether a server goes through with a handshake that it should refuse. */
import { availableCiphers, opensslName, strongCipherSuites } from '../../component-base/tls/cipher-suites.ts'
import type { Problem } from './check.ts'
import { handshakes } from './probe.ts'

const strong = new Set<string | undefined>(strongCipherSuites.map(opensslName))

/** Suites of TLS 1.2 that Go knows and the benchmark does not want; those of TLS 1.3 are all good. */
const weak = availableCiphers().filter((name) => !strong.has(name) && !name.startsWith('TLS_'))

/** Offers all that is weak at once, and TLS 1.1. */
export const weakCipherProblem = async (host: string, port: number): Promise<Problem> => {
  // The lowest level of OpenSSL: the client itself is to refuse nothing.
  const anything = '@SECLEVEL=0'
  const ciphers = [...weak, anything].join(':')
  if (await handshakes(host, port, { ciphers, minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' })) {
    return `${host}:${port} takes a weak cipher`
  }
  const old = { ciphers: `ALL:${anything}`, minVersion: 'TLSv1', maxVersion: 'TLSv1.1' } as const
  return (await handshakes(host, port, old)) ? `${host}:${port} takes TLS 1.1` : undefined
}
