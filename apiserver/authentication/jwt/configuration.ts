/** AuthenticationConfiguration: who issues tokens, and what their claims make of a user. Upstream: apis/apiserver/v1 */

export interface Issuer {
  readonly url: string
  /** Where the discovery document is, if it is not at the issuer's own place. */
  readonly discoveryURL: string
  /** PEM; '' trusts what this machine trusts. */
  readonly certificateAuthority: string
  readonly audiences: readonly string[]
}

/** The value of a claim with a prefix, or what an expression makes of all claims. */
export type PrefixedMapping =
  | { readonly type: 'claim'; readonly claim: string; readonly prefix: string }
  | { readonly type: 'expression'; readonly expression: string }

export type Mapping =
  | { readonly type: 'claim'; readonly claim: string }
  | { readonly type: 'expression'; readonly expression: string }

export type ClaimRule =
  | { readonly type: 'claim'; readonly claim: string; readonly requiredValue: string }
  | { readonly type: 'expression'; readonly expression: string; readonly message: string }

export interface ExtraMapping {
  readonly key: string
  readonly valueExpression: string
}

export interface UserRule {
  readonly expression: string
  readonly message: string
}

export interface JwtAuthenticatorConfig {
  readonly issuer: Issuer
  readonly claimValidationRules: readonly ClaimRule[]
  readonly username: PrefixedMapping
  readonly groups: PrefixedMapping | undefined
  readonly uid: Mapping | undefined
  readonly extra: readonly ExtraMapping[]
  readonly userValidationRules: readonly UserRule[]
}

export interface AnonymousConfig {
  readonly enabled: boolean
  /** Empty: all paths. */
  readonly paths: readonly string[]
}

export interface AuthenticationConfiguration {
  readonly jwt: readonly JwtAuthenticatorConfig[]
  /** undefined: `--anonymous-auth` says it. */
  readonly anonymous: AnonymousConfig | undefined
}
