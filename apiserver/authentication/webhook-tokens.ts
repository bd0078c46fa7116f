/** Bearer tokens that another service reviews. Upstream: plugin/pkg/authenticator/token/webhook */
import type { TokenReview } from '../../api/types.ts'
import { Counter, Histogram, type Registry } from '../../component-base/metrics/prometheus.ts'
import { isPassing, type Webhook, WebhookError, withRetries } from '../webhook/webhook.ts'
import type { TokenAuthenticator } from './authenticator.ts'
import type { UserInfo } from './user.ts'

export type ReviewVersion = 'v1' | 'v1beta1'

export interface WebhookTokenOptions {
  readonly webhook: Webhook
  readonly version: ReviewVersion
  /** Who the API is, where the service names no audience. */
  readonly apiAudiences: readonly string[]
  readonly metrics: WebhookTokenMetrics
}

export interface WebhookTokenMetrics {
  /** `<error>` where no answer came. */
  asked(code: string, seconds: number): void
}

export const createWebhookTokenMetrics = (registry: Registry): WebhookTokenMetrics => {
  const total = new Counter({
    name: 'apiserver_delegated_authn_request_total',
    help: 'Number of HTTP requests partitioned by status code.',
    labelNames: ['code'],
    registers: [registry],
  })
  const durations = new Histogram({
    name: 'apiserver_delegated_authn_request_duration_seconds',
    help: 'Request latency in seconds. Broken down by status code.',
    labelNames: ['code'],
    buckets: [0.25, 0.5, 0.7, 1, 1.5, 3, 5, 10],
    registers: [registry],
  })
  return {
    asked: (code, seconds) => {
      total.labels(code).inc()
      durations.labels(code).observe(seconds)
    },
  }
}

/** Upstream: DefaultAuthWebhookRetryBackoff. */
const initialBackoffMs = 500

const userOf = ({ user = {} }: NonNullable<TokenReview['status']>): UserInfo => ({
  name: user.username ?? '',
  uid: user.uid ?? '',
  groups: user.groups ?? [],
  extra: user.extra ?? {},
})

export const webhookTokens = ({ webhook, version, apiAudiences, metrics }: WebhookTokenOptions): TokenAuthenticator => {
  const ask = async (body: string): Promise<string> => {
    const start = performance.now()
    const tell = (code: string): void => metrics.asked(code, (performance.now() - start) / 1000)
    try {
      const answer = await webhook.call(body)
      tell('200')
      return answer
    } catch (error) {
      tell(error instanceof WebhookError ? String(error.code) : '<error>')
      throw error
    }
  }
  return async (token, { audiences = apiAudiences } = {}) => {
    const review = {
      kind: 'TokenReview',
      apiVersion: `authentication.k8s.io/${version}`,
      metadata: {},
      spec: { token, audiences },
      status: { user: {} },
    }
    const answer = await withRetries(() => ask(JSON.stringify(review)), {
      initialMs: initialBackoffMs,
      shouldRetry: isPassing,
    })
    const { status = {} } = JSON.parse(answer) as TokenReview
    const meant = (status.audiences ?? []).length > 0 ? (status.audiences ?? []) : apiAudiences
    if (!audiences.some((audience) => meant.includes(audience))) return undefined
    if (status.authenticated === true) return userOf(status)
    if ((status.error ?? '') !== '') throw new Error(status.error)
    return undefined
  }
}
