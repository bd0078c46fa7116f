/** Which authorizers there are, whether flags or a file say so. Upstream: apiserver.config.k8s.io AuthorizationConfiguration */
export type ReviewVersion = 'v1' | 'v1beta1'
export type FailurePolicy = 'NoOpinion' | 'Deny'

/** Where the webhook is and how it knows us. */
export type ConnectionInfo =
  | { readonly type: 'KubeConfigFile'; readonly path: string }
  | { readonly type: 'InClusterConfig' }

export interface WebhookAuthorizerConfig {
  readonly timeoutMs: number
  /** How long an answer is remembered; 0: not at all. */
  readonly authorizedTtlMs: number
  readonly unauthorizedTtlMs: number
  readonly version: ReviewVersion
  /** Expressions; the webhook is asked where all are true. */
  readonly matchConditions: readonly string[]
  readonly failurePolicy: FailurePolicy
  readonly connection: ConnectionInfo
}

export type BuiltInAuthorizer = 'AlwaysAllow' | 'AlwaysDeny' | 'ABAC' | 'RBAC' | 'Node'

export type AuthorizerConfig =
  | { readonly type: BuiltInAuthorizer; readonly name: string }
  | { readonly type: 'Webhook'; readonly name: string; readonly webhook: WebhookAuthorizerConfig }

/** In the order in which they are asked. */
export type AuthorizerConfigs = readonly AuthorizerConfig[]

/** Upstream: AuthorizationModeChoices */
export const authorizerTypes = ['AlwaysAllow', 'AlwaysDeny', 'ABAC', 'Webhook', 'RBAC', 'Node'] as const

export type AuthorizerType = (typeof authorizerTypes)[number]

export const authorizerTypeOf = (text: string): AuthorizerType | undefined =>
  authorizerTypes.find((candidate) => candidate === text)
