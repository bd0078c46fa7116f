import { isIP } from 'node:net'
import { hostname } from 'node:os'
import { realClock } from '../clock.ts'
import { type CertificatePair, createCa, issueCertificate } from '../pki/certificates.ts'

/**
 * A serving certificate that lives as long as the process: what upstream makes where no file is given. `names` are
 * further DNS names and IP addresses.
 */
export const selfSignedServingCert = async (names: readonly string[] = []): Promise<CertificatePair> => {
  const ca = await createCa(`${hostname()}-ca@${Math.floor(realClock.now() / 1000)}`, 365)
  return issueCertificate(ca, {
    commonName: hostname(),
    dnsNames: ['localhost', hostname(), ...names.filter((name) => isIP(name) === 0)],
    ips: ['127.0.0.1', ...names.filter((name) => isIP(name) !== 0)],
    usages: ['server'],
    days: 365,
  })
}
