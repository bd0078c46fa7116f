/** Bearer tokens of one issuer. Upstream: plugin/pkg/authenticator/token/oidc */
import { realClock, sleep } from '../../../component-base/clock.ts'
import type { Logger } from '../../../component-base/logging/logger.ts'
import type { TokenAuthenticator } from '../authenticator.ts'
import { createClaimSources } from './claim-sources.ts'
import { createClaimMapper } from './claims.ts'
import type { JwtAuthenticatorConfig } from './configuration.ts'
import { parseToken } from './json-web-token.ts'
import { createProvider } from './provider.ts'
import { createTokenVerifier, issuerOf } from './token-verifier.ts'

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

const prefixed = <T>(what: string, promise: Promise<T>): Promise<T> =>
  promise.catch((cause: unknown) => {
    throw new Error(`${what}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
  })

/** Asks for the issuer's document in the background, until it is there. */
export const createJwtAuthenticator = (
  config: JwtAuthenticatorConfig,
  { log, algorithms, now = realClock.now }: JwtDependencies,
): JwtAuthenticator => {
  const { issuer } = config
  const toUser = createClaimMapper(config)
  const provider = createProvider(issuer)
  const verification = { audiences: issuer.audiences, algorithms, now }
  const verify = createTokenVerifier(provider, verification)
  const claimSources = createClaimSources(config, verification)
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

  return {
    authenticate: async (text) => {
      const token = parseToken(text)
      if (token === undefined || issuerOf(token) !== issuer.url) return undefined
      if (problem !== undefined) throw new Error('oidc: authenticator not initialized')
      await prefixed('oidc: verify token', verify(token))
      const claims = await prefixed('oidc: could not expand distributed claims', claimSources.expand(token.claims))
      return toUser(claims)
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
      claimSources.close()
    },
  }
}
