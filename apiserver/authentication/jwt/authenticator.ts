/** Bearer tokens of one issuer. Upstream: plugin/pkg/authenticator/token/oidc, and go-oidc's verifier */
import { realClock, sleep } from '../../../component-base/clock.ts'
import type { Logger } from '../../../component-base/logging/logger.ts'
import type { TokenAuthenticator } from '../authenticator.ts'
import { createClaimMapper } from './claims.ts'
import type { JwtAuthenticatorConfig } from './configuration.ts'
import { parseToken, type SignedToken, verifyToken } from './json-web-token.ts'
import { createProvider, type Provider } from './provider.ts'

export interface JwtAuthenticator {
  readonly authenticate: TokenAuthenticator
  /** Throws while the issuer has not answered yet. */
  check(): void
  close(): void
}

export interface JwtDependencies {
  readonly log: Logger
  /** What tokens may be signed by. */
  readonly algorithms: readonly string[]
  readonly now?: () => number
}

const retryMs = 10_000
/** Clocks differ: so much later a token may begin. */
const notBeforeLeewaySeconds = 5 * 60

/** Google's tokens have their issuer without a scheme. */
const issuerOf = ({ claims }: SignedToken): string => {
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
  throw new Error(`oidc: verify token: oidc: expected audience in ${JSON.stringify(wanted.toSorted())} got [${list}]`)
}

const checkTime = ({ claims: { exp, nbf } }: SignedToken, nowMs: number): void => {
  const now = nowMs / 1000
  if (typeof exp !== 'number' || exp <= now) {
    const end = typeof exp === 'number' ? shown(exp) : 'none'
    throw new Error(`oidc: verify token: oidc: token is expired (Token Expiry: ${end})`)
  }
  if (typeof nbf === 'number' && nbf > now + notBeforeLeewaySeconds) {
    throw new Error(
      `oidc: verify token: oidc: current time ${shown(now)} before the nbf (not before) time: ${shown(nbf)}`,
    )
  }
}

const isSignedBy = (token: SignedToken, { keys }: Provider): boolean =>
  keys.some(({ id, key }) => (token.keyId === '' || id === '' || id === token.keyId) && verifyToken(token, key))

/** Asks for the issuer's document in the background, until it is there. */
export const createJwtAuthenticator = (
  config: JwtAuthenticatorConfig,
  { log, algorithms, now = realClock.now }: JwtDependencies,
): JwtAuthenticator => {
  const { issuer } = config
  const toUser = createClaimMapper(config)
  const provider = createProvider(issuer)
  const closed = new AbortController()
  let problem: Error | undefined = new Error(
    `oidc: authenticator for issuer ${JSON.stringify(issuer.url)} is not initialized`,
  )

  const initialize = async (): Promise<void> => {
    while (!closed.signal.aborted) {
      try {
        await provider.discover()
        problem = undefined
        return
      } catch (error) {
        problem = error instanceof Error ? error : new Error(String(error))
        log.error({ err: problem, issuer: issuer.url }, 'cannot ask the issuer of tokens')
        await sleep(retryMs, closed.signal).catch(() => {})
      }
    }
  }
  void initialize()

  const checkSignature = async (token: SignedToken): Promise<void> => {
    if (!algorithms.includes(token.algorithm)) {
      throw new Error(
        `oidc: verify token: oidc: id token signed with unsupported algorithm, expected ${JSON.stringify(algorithms)} got ${JSON.stringify(token.algorithm)}`,
      )
    }
    if (isSignedBy(token, provider)) return
    try {
      await provider.refresh()
    } catch (cause) {
      throw new Error(
        `oidc: verify token: failed to verify signature: fetching keys oidc: get keys failed: ${(cause as Error).message}`,
        { cause },
      )
    }
    if (isSignedBy(token, provider)) return
    throw new Error('oidc: verify token: failed to verify signature: failed to verify id token signature')
  }
  return {
    authenticate: async (text) => {
      const token = parseToken(text)
      if (token === undefined || issuerOf(token) !== issuer.url) return undefined
      if (problem !== undefined) throw new Error('oidc: authenticator not initialized')
      checkAudience(token, issuer.audiences)
      checkTime(token, now())
      await checkSignature(token)
      return toUser(token.claims)
    },
    check: () => {
      if (problem !== undefined) {
        throw new Error(
          `oidc: authenticator for issuer ${JSON.stringify(issuer.url)} is not healthy: ${problem.message}`,
          { cause: problem },
        )
      }
    },
    close: () => {
      closed.abort()
      provider.close()
    },
  }
}
