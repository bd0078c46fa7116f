/** A certificate and the key that does not belong to it, in the words of Go's crypto/tls. */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import type { Secret } from '../../types.ts'

const pemOf = (secret: Secret, name: string): string =>
  Buffer.from(secret.data?.[name] ?? '', 'base64').toString('latin1')

const attempt = <T>(parse: () => T): T | undefined => {
  try {
    return parse()
  } catch {
    return undefined
  }
}

const certificateOf = (pem: string): X509Certificate | undefined => attempt(() => new X509Certificate(pem))
const keyOf = (pem: string): KeyObject | undefined => attempt(() => createPrivateKey(pem))

const pairProblem = (certificatePem: string, keyPem: string): string | undefined => {
  if (!certificatePem.includes('-----BEGIN CERTIFICATE-----')) {
    return 'tls: failed to find any PEM data in certificate input'
  }
  if (!keyPem.includes('-----BEGIN ')) return 'tls: failed to find any PEM data in key input'
  const certificate = certificateOf(certificatePem)
  if (certificate === undefined) return 'x509: malformed certificate'
  const key = keyOf(keyPem)
  if (key === undefined) return 'tls: failed to parse private key'
  return certificate.checkPrivateKey(key) ? undefined : 'tls: private key does not match public key'
}

export const secretWarnings = (secret: Secret): readonly string[] => {
  if (secret.type !== 'kubernetes.io/tls') return []
  const problem = pairProblem(pemOf(secret, 'tls.crt'), pemOf(secret, 'tls.key'))
  return problem === undefined ? [] : [problem]
}
