/**
 * The chain that every request walks, as one list. Each filter either answers (or throws a StatusError) or calls `next`.
 * Upstream: DefaultBuildHandlerChain in k8s.io/apiserver/pkg/server/config.go
 */
import type { Auditor } from '../audit/auditor.ts'
import type { Authenticator } from '../authentication/authenticator.ts'
import type { Authorizer } from '../authorization/authorizer.ts'
import { FlowControl } from '../flow-control/flow-control.ts'
import type { ApiServerMetrics } from '../metrics.ts'
import type { HttpContext } from './context.ts'
import { auditUnauthenticated, withAudit } from './filters/audit.ts'
import { type AllowAnonymous, withAuthentication } from './filters/authentication.ts'
import { withAuthorization } from './filters/authorization.ts'
import { withErrors } from './filters/errors.ts'
import { withProbabilisticGoaway } from './filters/goaway.ts'
import { withImpersonation } from './filters/impersonation.ts'
import { withFlowControl } from './filters/flow-control.ts'
import { type InFlightLimits, withInFlightLimit } from './filters/in-flight-limit.ts'
import { withRequestMetrics } from './filters/request-metrics.ts'
import { withRequestTimeout } from './filters/request-timeout.ts'
import { withResponseHeaders } from './filters/response-headers.ts'

export type Next = () => Promise<void>
export type Filter = (ctx: HttpContext, next: Next) => Promise<void>
export type Handler = (ctx: HttpContext) => Promise<void>

export interface ChainOptions {
  readonly metrics: ApiServerMetrics
  /** undefined: nothing is audited. */
  readonly auditor: Auditor | undefined
  readonly authenticator: Authenticator
  readonly authorizer: Authorizer
  readonly allowAnonymous: AllowAnonymous
  /** Headers, in lower case, by which front proxies name users. */
  readonly isIdentityHeader: ((name: string) => boolean) | undefined
  /** Priority and fairness, or plain limits. */
  readonly limit: FlowControl | InFlightLimits
  readonly requestTimeoutMs: number
  /** How often a request is told to be the last one of its HTTP/2 connection: between 0 and 1. */
  readonly goawayChance: number
  /** Directives of the header of that name. */
  readonly strictTransportSecurity: readonly string[]
}

export const buildChain = (options: ChainOptions): readonly Filter[] => [
  withRequestMetrics(options.metrics),
  withResponseHeaders(options.strictTransportSecurity),
  ...(options.goawayChance > 0 ? [withProbabilisticGoaway(options.goawayChance)] : []),
  withErrors(),
  withRequestTimeout(options.requestTimeoutMs),
  withAuthentication(
    options.authenticator,
    options.allowAnonymous,
    options.isIdentityHeader,
    options.auditor === undefined ? undefined : auditUnauthenticated(options.auditor),
  ),
  ...(options.auditor === undefined ? [] : [withAudit(options.auditor)]),
  withImpersonation(options.authorizer),
  options.limit instanceof FlowControl
    ? withFlowControl(options.limit, options.requestTimeoutMs)
    : withInFlightLimit(options.limit),
  withAuthorization(options.authorizer),
]

/** One handler out of the filters and the handler at their end. */
export const compose = (filters: readonly Filter[], handler: Handler): Handler =>
  filters.reduceRight<Handler>((next, filter) => (ctx) => filter(ctx, () => next(ctx)), handler)
