/** Which certificate is shown to whom: Secrets that Ingresses name, by the hosts they are for. Pure. */
import { createPrivateKey, X509Certificate } from 'node:crypto'
import type { Ingress, Secret } from '../../api/types.ts'
import { byAge, type Problem } from './routes.ts'

export interface HostCertificate {
  /** `namespace/name` of its Secret. */
  readonly secret: string
  /** Chain and key. */
  readonly pem: string
  /** Hosts it is shown to; none: the names that it has itself. */
  readonly hosts: readonly string[]
}

export interface CertificatePlan {
  readonly certificates: readonly HostCertificate[]
  readonly problems: readonly Problem[]
}

/** `namespace/name` of all Secrets that the Ingresses name. */
export const secretsOf = (ingresses: readonly Ingress[]): Set<string> =>
  new Set(
    ingresses.flatMap(({ metadata, spec }) =>
      (spec?.tls ?? []).flatMap(({ secretName = '' }) =>
        secretName === '' ? [] : [`${metadata?.namespace}/${secretName}`],
      ),
    ),
  )

/** Chain and key of a Secret as one text; throws with what is wrong with it. */
const readPem = ({ data = {} }: Secret): string => {
  const read = (key: string): string => {
    const value = data[key]
    if (value === undefined || value === '') throw new Error(`it has no ${key}`)
    return Buffer.from(value, 'base64').toString()
  }
  const [chain, keyPem] = [read('tls.crt'), read('tls.key')]
  const certificates = chain.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
  const [leaf] = certificates
  if (leaf === undefined) throw new Error('tls.crt is not a certificate')
  const parsed = certificates.map((pem) => new X509Certificate(pem))
  let key: ReturnType<typeof createPrivateKey>
  try {
    key = createPrivateKey(keyPem)
  } catch {
    throw new Error('tls.key is not a private key')
  }
  if (parsed[0]?.checkPrivateKey(key) !== true) throw new Error('tls.key is not the key of tls.crt')
  // Written anew, so that nothing but certificates and a key comes into the proxy's files.
  return [...certificates, String(key.export({ type: 'pkcs8', format: 'pem' })).trim(), ''].join('\n')
}

type Reading = { readonly type: 'good'; readonly pem: string } | { readonly type: 'bad'; readonly reason: string }

/** Keys are dear to look at, and Secrets do not change but by another object in their place. */
const readings = new WeakMap<Secret, Reading>()

const readingOf = (secret: Secret | undefined): Reading => {
  if (secret === undefined) return { type: 'bad', reason: 'it does not exist' }
  let reading = readings.get(secret)
  if (reading !== undefined) return reading
  try {
    reading = { type: 'good', pem: readPem(secret) }
  } catch (error) {
    reading = { type: 'bad', reason: (error as Error).message }
  }
  readings.set(secret, reading)
  return reading
}

/** A host has the certificate of the oldest Ingress that names it; a Secret that is no good is told of and left out. */
export const planCertificates = (
  ingresses: readonly Ingress[],
  secretOf: (key: string) => Secret | undefined,
): CertificatePlan => {
  const certificates: HostCertificate[] = []
  const problems: Problem[] = []
  const taken = new Set<string>()
  for (const ingress of byAge(ingresses)) {
    for (const { hosts = [], secretName = '' } of ingress.spec?.tls ?? []) {
      if (secretName === '') continue // the proxy's own certificate
      const key = `${ingress.metadata?.namespace}/${secretName}`
      const reading = readingOf(secretOf(key))
      if (reading.type === 'bad') {
        problems.push({ ingress, reason: 'InvalidSecret', message: `secret ${key}: ${reading.reason}` })
        continue
      }
      const free = hosts.filter((host) => !taken.has(host))
      if (hosts.length > 0 && free.length === 0) continue
      for (const host of free) taken.add(host)
      certificates.push({ secret: key, pem: reading.pem, hosts: free })
    }
  }
  return { certificates, problems }
}
