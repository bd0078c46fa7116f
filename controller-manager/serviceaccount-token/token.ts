/** Legacy tokens of ServiceAccounts: JWTs without end, bound to a Secret. Upstream: pkg/serviceaccount/legacy.go. */
import { createHash, createPrivateKey, createPublicKey, sign } from 'node:crypto'

const issuer = 'kubernetes/serviceaccount'

export interface LegacyTokenSubject {
  readonly namespace: string
  readonly secretName: string
  readonly serviceAccountName: string
  readonly serviceAccountUid: string
}

const base64url = (value: string | Buffer): string => Buffer.from(value).toString('base64url')

/** The signed token. The key is RSA (RS256) or ECDSA on P-256 (ES256), as PEM. */
export const legacyToken = (subject: LegacyTokenSubject, keyPem: string): string => {
  const key = createPrivateKey(keyPem)
  const isRsa = key.asymmetricKeyType === 'rsa'
  const publicDer = createPublicKey(key).export({ type: 'spki', format: 'der' })
  const header = { alg: isRsa ? 'RS256' : 'ES256', kid: createHash('sha256').update(publicDer).digest('base64url') }
  const claims = {
    iss: issuer,
    'kubernetes.io/serviceaccount/namespace': subject.namespace,
    'kubernetes.io/serviceaccount/secret.name': subject.secretName,
    'kubernetes.io/serviceaccount/service-account.name': subject.serviceAccountName,
    'kubernetes.io/serviceaccount/service-account.uid': subject.serviceAccountUid,
    sub: `system:serviceaccount:${subject.namespace}:${subject.serviceAccountName}`,
  }
  const payload = `${base64url(JSON.stringify(header))}.${base64url(JSON.stringify(claims))}`
  const signature = sign('sha256', Buffer.from(payload), isRsa ? key : { key, dsaEncoding: 'ieee-p1363' })
  return `${payload}.${base64url(signature)}`
}
