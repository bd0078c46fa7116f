/** Service account tokens: JSON Web Tokens with the claims of upstream's bound tokens. */
import { createHash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { type SigningKey, signBytes, type VerificationKey, verifyBytes } from './keys.ts'

interface Reference {
  readonly name: string
  readonly uid: string
}

export interface ServiceAccountClaims {
  readonly iss: string
  readonly sub: string
  readonly aud: readonly string[]
  /** Seconds since the epoch. */
  readonly exp: number
  readonly iat: number
  readonly nbf: number
  readonly jti: string
  readonly 'kubernetes.io': {
    readonly namespace: string
    readonly serviceaccount: Reference
    readonly pod?: Reference
    readonly secret?: Reference
    readonly node?: Reference
    /** The token is valid longer than asked; from here on its use is stale. */
    readonly warnafter?: number
  }
}

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')

export const signToken = async (key: SigningKey, claims: ServiceAccountClaims): Promise<string> => {
  const text = `${encode({ alg: key.algorithm, kid: key.id })}.${encode(claims)}`
  const signature = await signBytes(key, Buffer.from(text))
  return `${text}.${signature.toString('base64url')}`
}

const decodePart = (part: string | undefined): Record<string, unknown> | undefined => {
  try {
    const value: unknown = JSON.parse(Buffer.from(part ?? '', 'base64url').toString('utf8'))
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

const isReference = (value: unknown): value is Reference =>
  typeof value === 'object' && value !== null && 'name' in value && 'uid' in value

const isClaims = (value: Record<string, unknown>): boolean => {
  const own = value['kubernetes.io']
  return (
    typeof value['exp'] === 'number' &&
    typeof value['sub'] === 'string' &&
    Array.isArray(value['aud']) &&
    typeof own === 'object' &&
    own !== null &&
    'namespace' in own &&
    'serviceaccount' in own &&
    isReference(own.serviceaccount)
  )
}

/** How many tokens are remembered as verified. */
const cacheSize = 4096

/** True for the claims of tokens that TokenRequest and kubelets get. */
export const isBoundClaims = (claims: object): claims is ServiceAccountClaims =>
  isClaims(claims as Record<string, unknown>)

/**
 * A verifier that checks each token's signature once. Returns undefined for tokens of other issuers and for anything
 * that is no token of ours; what the claims are, times and bound objects are the caller's to check, every time.
 */
export const createTokenVerifier = (issuers: readonly string[], keys: readonly VerificationKey[]) => {
  const verified = new LRUCache<string, Readonly<Record<string, unknown>>>({ max: cacheSize })
  return (token: string): Readonly<Record<string, unknown>> | undefined => {
    const hash = createHash('sha256').update(token).digest('base64')
    const known = verified.get(hash)
    if (known !== undefined) return known
    const [head, body, signature, ...rest] = token.split('.')
    if (signature === undefined || rest.length > 0) return undefined
    const header = decodePart(head)
    const claims = decodePart(body)
    if (header === undefined || claims === undefined || !issuers.includes(String(claims['iss']))) return undefined
    const data = Buffer.from(`${head}.${body}`)
    const bytes = Buffer.from(signature, 'base64url')
    const candidates = typeof header['kid'] === 'string' ? keys.filter(({ id }) => id === header['kid']) : keys
    const valid = candidates.some((key) => key.algorithm === header['alg'] && verifyBytes(key, data, bytes))
    if (!valid) return undefined
    verified.set(hash, claims)
    return claims
  }
}
