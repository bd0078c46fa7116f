/** The configured authenticators, in upstream's order. */
import type { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Clock } from '../../component-base/clock.ts'
import { loadKubeconfig } from '../../component-base/kubeconfig.ts'
import type { Logger } from '../../component-base/logging/logger.ts'
import type { Registry } from '../../component-base/metrics/prometheus.ts'
import { UsageError } from '../../component-base/process/run.ts'
import { watchFiles } from '../../component-base/tls/tls-files.ts'
import type { Config } from '../config.ts'
import type { Resources } from '../registry/resources.ts'
import {
  audienceAgnostic,
  type Authenticator,
  bearerToken,
  type RequestAuthenticator,
  type TokenAuthenticator,
  unionAuthenticator,
} from './authenticator.ts'
import { createWebhook } from '../webhook/webhook.ts'
import { bootstrapTokens } from './bootstrap-token.ts'
import { cachedTokens } from './cached-tokens.ts'
import type { TokenWebhookConfig } from './config.ts'
import { createJwtTokens } from './jwt/jwt-tokens.ts'
import { createWebhookTokenMetrics, webhookTokens } from './webhook-tokens.ts'
import { requestHeader } from './request-header.ts'
import { serviceAccountTokens } from './service-account/authenticator.ts'
import { legacyServiceAccountTokens } from './service-account/legacy.ts'
import { parseVerificationKeys, type VerificationKey } from './service-account/keys.ts'
import { tokenFile } from './token-file.ts'
import { webSocketToken } from './websocket-token.ts'
import { createCertificateCheck, parseBundle, x509 } from './x509.ts'

export interface Authentication {
  readonly authenticator: Authenticator
  /** For TokenReview. */
  readonly tokens: readonly TokenAuthenticator[]
}

export const readVerificationKeys = ({ serviceAccount }: Config): VerificationKey[] =>
  serviceAccount.keyFiles.flatMap((file) => parseVerificationKeys(readFileSync(file, 'utf8')))

const readTokenFile = (path: string): TokenAuthenticator => {
  try {
    return tokenFile(readFileSync(path, 'utf8'), path)
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

/** Upstream: TokenSuccessCacheTTL. */
const jwtCache = { successMs: 10_000, failureMs: 0 }

const tokenWebhook = (
  { configFile, version, cacheTtlMs }: TokenWebhookConfig,
  apiAudiences: readonly string[],
  registry: Registry,
): TokenAuthenticator => {
  const webhook = createWebhook(loadKubeconfig(configFile), 'kube-apiserver')
  const metrics = createWebhookTokenMetrics(registry)
  const tokens = webhookTokens({ webhook, version, apiAudiences, metrics })
  return cachedTokens(tokens, { successMs: cacheTtlMs, failureMs: cacheTtlMs })
}

/** The CAs of a file, read again when it changes; one that cannot be read leaves the last in use. */
const followAuthorities = (
  file: string,
  { log, signal }: Pick<AuthenticationDependencies, 'log' | 'signal'>,
): (() => readonly X509Certificate[]) => {
  let text = readFileSync(file, 'utf8')
  let authorities = parseBundle(text)
  const look = (): void => {
    try {
      const now = readFileSync(file, 'utf8')
      if (now === text) return
      const read = parseBundle(now)
      if (read.length === 0) throw new Error('the file has no certificate')
      text = now
      authorities = read
      log.info({ file }, 'client CAs read again')
    } catch (err) {
      log.error({ err, file }, 'cannot read the client CAs')
    }
  }
  watchFiles([file], look, { signal })
  return () => authorities
}

export interface AuthenticationDependencies {
  readonly clock: Clock
  readonly registry: Registry
  readonly log: Logger
  readonly signal: AbortSignal
}

export const buildAuthentication = (
  config: Config,
  resources: Resources,
  keys: readonly VerificationKey[],
  { clock, registry, log, signal }: AuthenticationDependencies,
): Authentication => {
  const { serviceAccount, requestHeader: proxy } = config
  const certificatesOf = (file: string) => createCertificateCheck(followAuthorities(file, { log, signal }), clock)
  const { jwt, webhook } = config.externalTokens
  const forApi = (authenticate: TokenAuthenticator) => audienceAgnostic(serviceAccount.audiences, authenticate)
  const tokens: TokenAuthenticator[] = [
    ...(config.tokenAuthFile === '' ? [] : [forApi(readTokenFile(config.tokenAuthFile))]),
    serviceAccountTokens({
      issuers: serviceAccount.issuers,
      keys,
      audiences: serviceAccount.audiences,
      resources,
      clock,
    }),
    legacyServiceAccountTokens({ keys, audiences: serviceAccount.audiences, resources, clock }),
    ...(config.bootstrapTokens ? [forApi(bootstrapTokens(resources, clock))] : []),
    // Last, because they may have to ask others.
    ...(jwt === undefined
      ? []
      : [forApi(cachedTokens(createJwtTokens(jwt, { log, signal, ownIssuers: serviceAccount.issuers }), jwtCache))]),
    ...(webhook === undefined ? [] : [tokenWebhook(webhook, serviceAccount.audiences, registry)]),
  ]
  const authenticators: RequestAuthenticator[] = [
    ...(proxy === undefined ? [] : [requestHeader({ ...proxy, check: certificatesOf(proxy.caFile) })]),
    ...(config.clientCaFile === '' ? [] : [x509(certificatesOf(config.clientCaFile))]),
    bearerToken(tokens),
    webSocketToken(tokens),
  ]
  return { authenticator: unionAuthenticator(authenticators), tokens }
}
