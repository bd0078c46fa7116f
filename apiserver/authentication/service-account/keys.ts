/** Keys of the service account token issuer: one signs, several verify, all are published. */
import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto'

export type Algorithm = 'RS256' | 'ES256' | 'ES384' | 'ES512'

export interface VerificationKey {
  /** base64url of the SHA-256 of the public key, as upstream makes it. */
  readonly id: string
  readonly algorithm: Algorithm
  readonly key: KeyObject
}

export interface SigningKey extends VerificationKey {
  readonly privateKey: KeyObject
}

const curveAlgorithms: Readonly<Record<string, Algorithm>> = {
  prime256v1: 'ES256',
  secp384r1: 'ES384',
  secp521r1: 'ES512',
}

const algorithmOf = (key: KeyObject): Algorithm => {
  if (key.asymmetricKeyType === 'rsa') return 'RS256'
  const algorithm = curveAlgorithms[key.asymmetricKeyDetails?.namedCurve ?? '']
  if (algorithm === undefined) throw new Error(`unsupported service account key type ${key.asymmetricKeyType}`)
  return algorithm
}

const digestOf = { RS256: 'sha256', ES256: 'sha256', ES384: 'sha384', ES512: 'sha512' } as const satisfies Record<
  Algorithm,
  string
>

const keyId = (key: KeyObject): string =>
  createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('base64url')

const pemBlock = /-----BEGIN ([A-Z ]+)-----[\s\S]+?-----END \1-----/g

/** Public halves of all keys in a PEM text; private keys count as well. */
export const parseVerificationKeys = (pem: string): VerificationKey[] =>
  (pem.match(pemBlock) ?? []).map((block) => {
    const key = createPublicKey(block)
    return { id: keyId(key), algorithm: algorithmOf(key), key }
  })

export const parseSigningKey = (pem: string): SigningKey => {
  const privateKey = createPrivateKey(pem)
  const key = createPublicKey(privateKey)
  return { id: keyId(key), algorithm: algorithmOf(key), key, privateKey }
}

/** Signs off the event loop: an RSA signature takes over a millisecond. */
export const signBytes = ({ algorithm, privateKey }: SigningKey, data: Buffer): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    sign(digestOf[algorithm], data, { key: privateKey, dsaEncoding: 'ieee-p1363' }, (error, signature) =>
      error === null ? resolve(signature) : reject(error),
    )
  })

export const verifyBytes = ({ algorithm, key }: VerificationKey, data: Buffer, signature: Buffer): boolean =>
  verify(digestOf[algorithm], data, { key, dsaEncoding: 'ieee-p1363' }, signature)

/** The JSON Web Key Set of /openid/v1/jwks. */
export const jsonWebKeySet = (keys: readonly VerificationKey[]): string =>
  JSON.stringify({
    keys: keys.map(({ id, algorithm, key }) => ({
      use: 'sig',
      ...key.export({ format: 'jwk' }),
      kid: id,
      alg: algorithm,
    })),
  })
