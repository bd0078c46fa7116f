/** The configured authenticators, in upstream's order. */
import { readFileSync } from 'node:fs'
import type { Clock } from '../../component-base/clock.ts'
import type { Config } from '../config.ts'
import type { Resources } from '../registry/resources.ts'
import {
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
import { createCertificateCheck, parseBundle, x509 } from './x509.ts'

export interface Authentication {
  readonly authenticator: Authenticator
  /** For TokenReview. */
  readonly tokens: readonly TokenAuthenticator[]
}

export const readVerificationKeys = ({ serviceAccount }: Config): VerificationKey[] =>
  serviceAccount.keyFiles.flatMap((file) => parseVerificationKeys(readFileSync(file, 'utf8')))

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
  const tokens: TokenAuthenticator[] = [
    ...(config.tokenAuthFile === '' ? [] : [tokenFile(readFileSync(config.tokenAuthFile, 'utf8'))]),
    serviceAccountTokens({
      issuers: serviceAccount.issuers,
      keys,
      audiences: serviceAccount.audiences,
      resources,
      clock,
    }),
    legacyServiceAccountTokens(keys, serviceAccount.audiences, resources),
    ...(config.bootstrapTokens ? [bootstrapTokens(resources, clock)] : []),
  ]
  const authenticators: RequestAuthenticator[] = [
    ...(proxy === undefined
      ? []
      : [requestHeader({ ...proxy, check: createCertificateCheck(authoritiesOf(proxy.caFile)) })]),
    ...(config.clientCaFile === '' ? [] : [x509(createCertificateCheck(authoritiesOf(config.clientCaFile)))]),
    bearerToken(tokens),
  ]
  return { authenticator: unionAuthenticator(authenticators), tokens }
}
