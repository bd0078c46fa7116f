/** The configured authenticators, in upstream's order. */
import { readFileSync } from 'node:fs'
import type { Clock } from '../../component-base/clock.ts'
import { loadKubeconfig } from '../../component-base/kubeconfig.ts'
import type { Logger } from '../../component-base/logging/logger.ts'
import type { Registry } from '../../component-base/metrics/prometheus.ts'
import { UsageError } from '../../component-base/process/run.ts'
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

const authoritiesOf = (file: string) => {
  const authorities = file === '' ? [] : parseBundle(readFileSync(file, 'utf8'))
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
    ...(proxy === undefined
      ? []
      : [requestHeader({ ...proxy, check: createCertificateCheck(authoritiesOf(proxy.caFile), clock) })]),
    ...(config.clientCaFile === '' ? [] : [x509(createCertificateCheck(authoritiesOf(config.clientCaFile), clock))]),
    bearerToken(tokens),
    webSocketToken(tokens),
  ]
  return { authenticator: unionAuthenticator(authenticators), tokens }
}
