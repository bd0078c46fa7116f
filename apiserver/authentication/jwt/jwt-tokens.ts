/** Tokens of all configured issuers; with a file they are followed while the server runs. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { realClock } from '../../../component-base/clock.ts'
import type { Logger } from '../../../component-base/logging/logger.ts'
import { watchFiles } from '../../../component-base/tls/tls-files.ts'
import type { TokenAuthenticator } from '../authenticator.ts'
import type { JwtSource } from '../config.ts'
import { createJwtAuthenticator, type JwtAuthenticator } from './authenticator.ts'
import type { JwtAuthenticatorConfig } from './configuration.ts'
import { parseAuthenticationConfiguration } from './configuration-file.ts'
import { algorithms as allAlgorithms } from './json-web-token.ts'

export interface JwtTokensDependencies {
  readonly log: Logger
  readonly signal: AbortSignal
  readonly ownIssuers: readonly string[]
}

/** How long the issuers of a new configuration have until it is given up for this time. */
const patienceMs = 60_000
const checkEveryMs = 100

const build = (configs: readonly JwtAuthenticatorConfig[], algorithms: readonly string[], log: Logger) =>
  configs.map((config) => createJwtAuthenticator(config, { log, algorithms }))

const closeAll = (authenticators: readonly JwtAuthenticator[]): void => {
  for (const one of authenticators) one.close()
}

/** Rejects if an issuer does not answer in time. */
const whenWell = async (authenticators: readonly JwtAuthenticator[]): Promise<void> => {
  const deadline = realClock.now() + patienceMs
  for (;;) {
    try {
      for (const one of authenticators) one.check()
      return
    } catch (error) {
      if (realClock.now() > deadline) throw error
      await new Promise<void>((resolve) => void realClock.setTimeout(resolve, checkEveryMs))
    }
  }
}

/** Each issuer's tokens are judged by that issuer's authenticator alone. */
export const createJwtTokens = (
  source: JwtSource,
  { log, signal, ownIssuers }: JwtTokensDependencies,
): TokenAuthenticator => {
  let current =
    source.type === 'flags'
      ? build([source.config], source.algorithms, log)
      : build(source.configuration.jwt, allAlgorithms, log)
  signal.addEventListener('abort', () => closeAll(current), { once: true })
  if (source.type === 'file') {
    follow(source.path, ownIssuers, { log, signal }, async (configs) => {
      const next = build(configs, allAlgorithms, log)
      try {
        await whenWell(next)
      } catch (error) {
        closeAll(next)
        throw error
      }
      closeAll(current)
      current = next
    })
  }
  return async (token, options) => {
    for (const { authenticate } of current) {
      const user = await authenticate(token, options)
      if (user !== undefined) return user
    }
    return undefined
  }
}

/** Gives each new content of the file to `replace`; what is of no use leaves everything as it is. */
const follow = (
  path: string,
  ownIssuers: readonly string[],
  { log, signal }: { readonly log: Logger; readonly signal: AbortSignal },
  replace: (configs: readonly JwtAuthenticatorConfig[]) => Promise<void>,
): void => {
  const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex')
  let last = hashOf(readFileSync(path, 'utf8'))
  const reload = async (): Promise<void> => {
    const text = readFileSync(path, 'utf8')
    if (hashOf(text) === last) return
    await replace(parseAuthenticationConfiguration(text, ownIssuers).jwt)
    last = hashOf(text)
    log.info({ path }, 'authentication configuration replaced')
  }
  let working: Promise<void> = Promise.resolve()
  const look = (): void => {
    working = working
      .then(reload)
      .catch((err: unknown) => log.error({ err, path }, 'cannot take up the authentication configuration'))
  }
  watchFiles([path], look, { signal })
}
