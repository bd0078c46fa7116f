import { hostname } from 'node:os'
import { type CertificatePair, createCa, issueCertificate } from '../pki/certificates.ts'

/** A serving certificate that lives as long as the process: what upstream makes where no file is given. */
export const selfSignedServingCert = async (names: readonly string[] = []): Promise<CertificatePair> => {
  const ca = await createCa(`${hostname()}-ca@${Math.floor(Date.now() / 1000)}`, 365)
  return issueCertificate(ca, {
    commonName: hostname(),
    dnsNames: ['localhost', hostname(), ...names.filter((name) => !/^[\d.]+$/.test(name))],
    ips: ['127.0.0.1', ...names.filter((name) => /^[\d.]+$/.test(name))],
    usages: ['server'],
    days: 365,
  })
}
