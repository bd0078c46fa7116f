/**
 * JSON Web Tokens: signed, and so good on every member and after a restart until they run out. They carry the auth
 * revision at which they were made; after the next change of auth their holders must authenticate anew.
 */
import {
  constants,
  createHmac,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  sign,
  timingSafeEqual,
  verify,
} from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { etcdError } from '../mvcc/errors.ts'
import type { TokenProvider } from './token-provider.ts'

/** The keys' PEM texts; for the HS methods `privateKey` is the secret itself. */
export interface JwtOptions {
  readonly signMethod: string
  readonly publicKey?: Buffer | undefined
  readonly privateKey?: Buffer | undefined
  readonly ttlMs: number
}

interface Signature {
  /** Undefined when there is only a public key. */
  readonly sign: ((input: Buffer) => Buffer) | undefined
  readonly verify: (input: Buffer, signature: Buffer) => boolean
}

const curveOfHash: Readonly<Record<string, string>> = { '256': 'prime256v1', '384': 'secp384r1', '512': 'secp521r1' }

const hmac = (hash: string, secret: Buffer | undefined): Signature => {
  if (secret === undefined || secret.length === 0) throw new Error('missing key data')
  const make = (input: Buffer): Buffer => createHmac(hash, secret).update(input).digest()
  return {
    sign: make,
    verify: (input, signature) => {
      const wanted = make(input)
      return wanted.length === signature.length && timingSafeEqual(wanted, signature)
    },
  }
}

const readKeys = ({ publicKey, privateKey }: JwtOptions): { readonly own?: KeyObject; readonly shown: KeyObject } => {
  const shown = publicKey === undefined ? undefined : createPublicKey(publicKey)
  if (privateKey === undefined) {
    if (shown === undefined) throw new Error('missing key data')
    return { shown }
  }
  const own = createPrivateKey(privateKey)
  const derived = createPublicKey(own)
  if (shown !== undefined && !shown.equals(derived)) throw new Error("public and private keys don't match")
  return { own, shown: derived }
}

const asymmetric = (method: string, options: JwtOptions): Signature => {
  const { own, shown } = readKeys(options)
  const bits = method.slice(2)
  const type = method.startsWith('ES') ? 'ec' : 'rsa'
  if (shown.asymmetricKeyType !== type) throw new Error(`${method} needs a key of type ${type}`)
  if (type === 'ec' && shown.asymmetricKeyDetails?.namedCurve !== curveOfHash[bits]) {
    throw new Error(`${method} needs a key on curve ${curveOfHash[bits]}`)
  }
  const hash = `sha${bits}`
  const padding = (saltLength: number) => {
    if (type === 'ec') return { dsaEncoding: 'ieee-p1363' as const }
    return method.startsWith('PS') ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength } : {}
  }
  return {
    sign:
      own === undefined
        ? undefined
        : (input) => sign(hash, input, { key: own, ...padding(constants.RSA_PSS_SALTLEN_DIGEST) }),
    verify: (input, signature) =>
      verify(hash, input, { key: shown, ...padding(constants.RSA_PSS_SALTLEN_AUTO) }, signature),
  }
}

const signatureOf = (options: JwtOptions): Signature => {
  const { signMethod } = options
  if (!/^(?:HS|RS|PS|ES)(?:256|384|512)$/.test(signMethod)) throw new Error('invalid auth signature method')
  if (signMethod.startsWith('HS')) return hmac(`sha${signMethod.slice(2)}`, options.privateKey)
  return asymmetric(signMethod, options)
}

const encodePart = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')

const decodePart = (part: string): Readonly<Record<string, unknown>> | undefined => {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString())
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

/** Whether a time claim, in seconds, allows the token; one that is absent or 0 does not matter. */
const timeHolds = (claim: unknown, holds: (seconds: number) => boolean): boolean =>
  claim === undefined || (typeof claim === 'number' && (claim === 0 || holds(claim)))

interface Claims {
  readonly username?: unknown
  readonly revision?: unknown
  readonly exp?: unknown
  readonly iat?: unknown
  readonly nbf?: unknown
}

/** Tokens whose signature was found good: a client shows its token with every call, and the check is slow. */
const rememberedTokens = 1000

/** `now` is in milliseconds since the epoch. Throws when the keys do not fit the method. */
export const createJwtTokens = (options: JwtOptions, now: () => number): TokenProvider => {
  const signature = signatureOf(options)
  const header = encodePart({ alg: options.signMethod, typ: 'JWT' })
  const verified = new LRUCache<string, Claims>({ max: rememberedTokens })

  const verifiedClaims = (token: string): Claims | undefined => {
    const known = verified.get(token)
    if (known !== undefined) return known
    const [head = '', body = '', seal = '', ...rest] = token.split('.')
    if (rest.length > 0 || decodePart(head)?.['alg'] !== options.signMethod) return undefined
    if (!signature.verify(Buffer.from(`${head}.${body}`), Buffer.from(seal, 'base64url'))) return undefined
    const claims: Claims = decodePart(body) ?? {}
    verified.set(token, claims)
    return claims
  }

  return {
    assign: (username, { revision }) => {
      if (signature.sign === undefined) throw etcdError('verifyOnly')
      const exp = Math.floor((now() + options.ttlMs) / 1000)
      const input = `${header}.${encodePart({ exp, revision, username })}`
      return `${input}.${signature.sign(Buffer.from(input)).toString('base64url')}`
    },
    info: (token) => {
      const { username, revision, exp, iat, nbf } = verifiedClaims(token) ?? {}
      const seconds = now() / 1000
      const inTime =
        timeHolds(exp, (end) => seconds < end) &&
        timeHolds(iat, (made) => seconds >= made) &&
        timeHolds(nbf, (start) => seconds >= start)
      if (!inTime || typeof username !== 'string' || typeof revision !== 'number') return undefined
      return { user: username, revision: Math.trunc(revision) }
    },
    invalidateUser: () => {},
    clear: () => {},
  }
}
