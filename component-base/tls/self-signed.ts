import { isIP } from 'node:net'
import { hostname } from 'node:os'
import { realClock } from '../clock.ts'
import { type CertificatePair, createCa, issueCertificate } from '../pki/certificates.ts'

/**
 * A serving certificate of its own: what upstream makes where no file is given. `names` are further DNS names and IP
 * addresses.
 */
export const selfSignedServingCert = async (names: readonly string[] = [], days = 365): Promise<CertificatePair> => {
  const ca = await createCa(`${hostname()}-ca@${Math.floor(realClock.now() / 1000)}`, days)
  return issueCertificate(ca, {
    commonName: hostname(),
    dnsNames: ['localhost', hostname(), ...names.filter((name) => isIP(name) === 0)],
    ips: ['127.0.0.1', ...names.filter((name) => isIP(name) !== 0)],
    usages: ['server'],
    days,
  })
}
