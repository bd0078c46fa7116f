/** The configured authenticators, in upstream's order. */
import { readFileSync } from 'node:fs'
import type { Clock } from '../../component-base/clock.ts'
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
import { bootstrapTokens } from './bootstrap-token.ts'
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

const authoritiesOf = (file: string) => {
  const authorities = file === '' ? [] : parseBundle(readFileSync(file, 'utf8'))
  return () => authorities
}

export const buildAuthentication = (
  config: Config,
  resources: Resources,
  keys: readonly VerificationKey[],
  clock: Clock,
): Authentication => {
  const { serviceAccount, requestHeader: proxy } = config
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
