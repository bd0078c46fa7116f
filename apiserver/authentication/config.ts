/** From the flags of tokens that others issue to what is to be built; bad values are refused in upstream's words. */
import { readFileSync } from 'node:fs'
import type { FlagValues } from '../../component-base/flags/flags.ts'
import { UsageError } from '../../component-base/process/run.ts'
import type { authenticationFlags } from './flags.ts'
import type { AnonymousConfig, AuthenticationConfiguration, JwtAuthenticatorConfig } from './jwt/configuration.ts'
import { parseAuthenticationConfiguration } from './jwt/configuration-file.ts'
import { issuerUrlErrors } from './jwt/issuer-validation.ts'
import { algorithms } from './jwt/json-web-token.ts'
import type { ReviewVersion } from './webhook-tokens.ts'

/** Where the issuers of tokens are written down. */
export type JwtSource =
  /** A file, which is followed while the server runs. */
  | { readonly type: 'file'; readonly path: string; readonly configuration: AuthenticationConfiguration }
  | { readonly type: 'flags'; readonly config: JwtAuthenticatorConfig; readonly algorithms: readonly string[] }

export interface TokenWebhookConfig {
  readonly configFile: string
  readonly version: ReviewVersion
  readonly cacheTtlMs: number
}

export interface ExternalTokensConfig {
  readonly jwt: JwtSource | undefined
  readonly webhook: TokenWebhookConfig | undefined
  readonly anonymous: AnonymousConfig
}

type AuthenticationFlags = FlagValues<typeof authenticationFlags>
export type IsSet = (name: string) => boolean

const oidcFlags = Object.freeze([
  'oidc-issuer-url',
  'oidc-client-id',
  'oidc-ca-file',
  'oidc-username-claim',
  'oidc-username-prefix',
  'oidc-groups-claim',
  'oidc-groups-prefix',
  'oidc-signing-algs',
  'oidc-required-claim',
])

/** Without a prefix of their own, names of an issuer must not look like those of others. */
const usernamePrefix = (flags: AuthenticationFlags): string => {
  const given = flags['oidc-username-prefix']
  if (given === '-') return ''
  return given === '' && flags['oidc-username-claim'] !== 'email' ? `${flags['oidc-issuer-url']}#` : given
}

const oidcSource = (flags: AuthenticationFlags, isSet: IsSet, disallowed: readonly string[]): JwtSource | undefined => {
  if (!oidcFlags.some(isSet)) return undefined
  const url = flags['oidc-issuer-url']
  const clientId = flags['oidc-client-id']
  if (url === '' || clientId === '') {
    throw new UsageError('oidc-issuer-url and oidc-client-id must be specified together when any oidc-* flags are set')
  }
  const [error] = issuerUrlErrors({ url, discoveryURL: '', disallowed }, 'issuer')
  if (error !== undefined) throw new UsageError(`${error.field}: ${error.detail}`)
  const unsupported = flags['oidc-signing-algs'].find((name) => !(algorithms as readonly string[]).includes(name))
  if (unsupported !== undefined) throw new UsageError(`oidc: unsupported signing alg: ${JSON.stringify(unsupported)}`)
  const caFile = flags['oidc-ca-file']
  const groups = flags['oidc-groups-claim']
  return {
    type: 'flags',
    algorithms: flags['oidc-signing-algs'],
    config: {
      issuer: {
        url,
        discoveryURL: '',
        certificateAuthority: caFile === '' ? '' : readFileSync(caFile, 'utf8'),
        audiences: [clientId],
      },
      claimValidationRules: Object.entries(flags['oidc-required-claim']).map(([claim, requiredValue]) => ({
        type: 'claim',
        claim,
        requiredValue,
      })),
      username: { type: 'claim', claim: flags['oidc-username-claim'], prefix: usernamePrefix(flags) },
      groups: groups === '' ? undefined : { type: 'claim', claim: groups, prefix: flags['oidc-groups-prefix'] },
      uid: undefined,
      extra: [],
      userValidationRules: [],
    },
  }
}

const fileSource = (path: string, isSet: IsSet, disallowed: readonly string[]): JwtSource & { type: 'file' } => {
  if (oidcFlags.some(isSet)) throw new UsageError('authentication-config file and oidc-* flags are mutually exclusive')
  try {
    const configuration = parseAuthenticationConfiguration(readFileSync(path, 'utf8'), disallowed)
    if (configuration.anonymous !== undefined && isSet('anonymous-auth')) {
      throw new Error(
        '--anonymous-auth flag cannot be set when anonymous field is configured in authentication configuration file',
      )
    }
    return { type: 'file', path, configuration }
  } catch (error) {
    throw new UsageError(`authentication configuration ${path}: ${(error as Error).message}`)
  }
}

const webhookConfig = (flags: AuthenticationFlags): TokenWebhookConfig | undefined => {
  const configFile = flags['authentication-token-webhook-config-file']
  if (configFile === '') return undefined
  const version = flags['authentication-token-webhook-version']
  if (version !== 'v1' && version !== 'v1beta1') {
    throw new UsageError(
      `unsupported authentication webhook version ${JSON.stringify(version)}, supported versions are "v1", "v1beta1"`,
    )
  }
  return { configFile, version, cacheTtlMs: flags['authentication-token-webhook-cache-ttl'] }
}

export interface AuthenticationContext {
  readonly isSet: IsSet
  readonly anonymousAuth: boolean
  /** The API server's own issuers: nobody else may issue their tokens. */
  readonly ownIssuers: readonly string[]
}

export const externalTokensConfig = (
  flags: AuthenticationFlags,
  { isSet, anonymousAuth, ownIssuers }: AuthenticationContext,
): ExternalTokensConfig => {
  const path = flags['authentication-config']
  const jwt = path === '' ? oidcSource(flags, isSet, ownIssuers) : fileSource(path, isSet, ownIssuers)
  const configured = jwt?.type === 'file' ? jwt.configuration.anonymous : undefined
  return { jwt, webhook: webhookConfig(flags), anonymous: configured ?? { enabled: anonymousAuth, paths: [] } }
}
