/** Signed JSON Web Tokens: taken apart, and their signatures checked. RFC 7515, 7518 */
import { constants, type KeyObject, verify } from 'node:crypto'

export const algorithms = ['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512', 'PS256', 'PS384', 'PS512'] as const
export type SigningAlgorithm = (typeof algorithms)[number]

export interface SignedToken {
  readonly algorithm: string
  readonly keyId: string
  readonly claims: Readonly<Record<string, unknown>>
  /** What was signed. */
  readonly signed: Buffer
  readonly signature: Buffer
}

const parse = (part: string): Record<string, unknown> | undefined => {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'))
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined
  } catch {
    return undefined
  }
}

/** undefined for what is no token in three parts. Nothing is verified. */
export const parseToken = (token: string): SignedToken | undefined => {
  const [head, body, signature, ...rest] = token.split('.')
  if (head === undefined || body === undefined || signature === undefined || rest.length > 0) return undefined
  const header = parse(head)
  const claims = parse(body)
  if (header === undefined || claims === undefined) return undefined
  return {
    algorithm: String(header['alg'] ?? ''),
    keyId: typeof header['kid'] === 'string' ? header['kid'] : '',
    claims,
    signed: Buffer.from(`${head}.${body}`),
    signature: Buffer.from(signature, 'base64url'),
  }
}

/** Curves by algorithm: a key of another one does not count. */
const curves: Readonly<Record<string, string>> = { ES256: 'prime256v1', ES384: 'secp384r1', ES512: 'secp521r1' }

/** Whether the key is of the algorithm's kind and made the signature. */
export const verifyToken = ({ algorithm, signed, signature }: SignedToken, key: KeyObject): boolean => {
  const digest = `sha${algorithm.slice(2)}`
  const family = algorithm.slice(0, 2)
  if (family === 'ES') {
    if (key.asymmetricKeyType !== 'ec' || key.asymmetricKeyDetails?.namedCurve !== curves[algorithm]) return false
    return verify(digest, signed, { key, dsaEncoding: 'ieee-p1363' }, signature)
  }
  if (key.asymmetricKeyType !== 'rsa') return false
  if (family === 'RS') return verify(digest, signed, key, signature)
  if (family !== 'PS') return false
  const saltLength = constants.RSA_PSS_SALTLEN_DIGEST
  return verify(digest, signed, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength }, signature)
}
