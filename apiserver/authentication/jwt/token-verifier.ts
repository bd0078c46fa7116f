/** What a token of an issuer must be: for one of us, of this time, and signed by the issuer. Upstream: go-oidc's verifier */
import { type SignedToken, verifyToken } from './json-web-token.ts'
import type { Provider } from './provider.ts'

export interface VerifierDependencies {
  readonly audiences: readonly string[]
  /** What tokens may be signed by. */
  readonly algorithms: readonly string[]
  readonly now: () => number
}

/** Rejects for a token that is not good. */
export type TokenVerifier = (token: SignedToken) => Promise<void>

/** Clocks differ: so much later a token may begin. */
const notBeforeLeewaySeconds = 5 * 60

/** Google's tokens have their issuer without a scheme. */
export const issuerOf = ({ claims }: SignedToken): string => {
  const issuer = typeof claims['iss'] === 'string' ? claims['iss'] : ''
  return issuer === 'accounts.google.com' ? 'https://accounts.google.com' : issuer
}

const audiencesOf = ({ claims: { aud } }: SignedToken): string[] => {
  if (typeof aud === 'string') return [aud]
  return Array.isArray(aud) ? aud.filter((audience) => typeof audience === 'string') : []
}

const shown = (seconds: number): string => new Date(seconds * 1000).toISOString()

const checkAudience = (token: SignedToken, wanted: readonly string[]): void => {
  const audiences = audiencesOf(token)
  if (audiences.some((audience) => wanted.includes(audience))) return
  const list = audiences.map((audience) => JSON.stringify(audience)).join(' ')
  throw new Error(`oidc: expected audience in ${JSON.stringify(wanted.toSorted())} got [${list}]`)
}

const checkTime = ({ claims: { exp, nbf } }: SignedToken, nowMs: number): void => {
  const now = nowMs / 1000
  if (typeof exp !== 'number' || exp <= now) {
    const end = typeof exp === 'number' ? shown(exp) : 'none'
    throw new Error(`oidc: token is expired (Token Expiry: ${end})`)
  }
  if (typeof nbf === 'number' && nbf > now + notBeforeLeewaySeconds) {
    throw new Error(`oidc: current time ${shown(now)} before the nbf (not before) time: ${shown(nbf)}`)
  }
}

const isSignedBy = (token: SignedToken, { keys }: Provider): boolean =>
  keys.some(({ id, key }) => (token.keyId === '' || id === '' || id === token.keyId) && verifyToken(token, key))

export const createTokenVerifier = (
  provider: Provider,
  { audiences, algorithms, now }: VerifierDependencies,
): TokenVerifier => {
  const checkSignature = async (token: SignedToken): Promise<void> => {
    if (!algorithms.includes(token.algorithm)) {
      throw new Error(
        `oidc: id token signed with unsupported algorithm, expected ${JSON.stringify(algorithms)} got ${JSON.stringify(token.algorithm)}`,
      )
    }
    if (isSignedBy(token, provider)) return
    try {
      await provider.refresh()
    } catch (cause) {
      throw new Error(`failed to verify signature: fetching keys oidc: get keys failed: ${(cause as Error).message}`, {
        cause,
      })
    }
    if (isSignedBy(token, provider)) return
    throw new Error('failed to verify signature: failed to verify id token signature')
  }
  return async (token) => {
    checkAudience(token, audiences)
    checkTime(token, now())
    await checkSignature(token)
  }
}
