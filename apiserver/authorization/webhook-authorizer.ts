/** Asks another service whether a request may be. Upstream: plugin/pkg/authorizer/webhook */
import { LRUCache } from 'lru-cache'
import type { Logger } from '../../component-base/logging/logger.ts'
import { isPassing, isTimeout, type Webhook, withRetries } from '../webhook/webhook.ts'
import type { Authorizer, Decision } from './authorizer.ts'
import type { WebhookAuthorizerConfig } from './configuration.ts'
import { compileMatchConditions } from './match-conditions.ts'
import type { WebhookAuthorizerMetrics } from './metrics.ts'
import { decodeReview, encodeReview, type ReviewStatus, reviewSpecOf } from './subject-access-review.ts'

export interface WebhookAuthorizerDependencies {
  readonly webhook: Webhook
  readonly metrics: WebhookAuthorizerMetrics
  readonly log: Logger
  /** Default: half a second, as DefaultAuthWebhookRetryBackoff. */
  readonly initialBackoffMs?: number
}

const maxRemembered = 8192
/** The asker can make a question long; then the answer is not worth its memory. Upstream: maxControlledAttrCacheSize */
const maxRememberedLength = 10_000

const decisionOf = ({ allowed, denied, reason }: ReviewStatus): Decision => {
  if (allowed && denied) {
    const error = new Error('webhook subject access review returned both allow and deny response')
    return { type: 'deny', reason, error }
  }
  return { type: denied ? 'deny' : allowed ? 'allow' : 'no-opinion', reason }
}

export const webhookAuthorizer = (config: WebhookAuthorizerConfig, deps: WebhookAuthorizerDependencies): Authorizer => {
  const { version, authorizedTtlMs, unauthorizedTtlMs, failurePolicy } = config
  const { webhook, metrics, log, initialBackoffMs = 500 } = deps
  const matches = config.matchConditions.length === 0 ? undefined : compileMatchConditions(config.matchConditions)
  const remembered = new LRUCache<string, ReviewStatus>({ max: maxRemembered })
  const asking = new Map<string, Promise<ReviewStatus>>()

  const failed = (error: unknown): Decision => ({
    type: failurePolicy === 'Deny' ? 'deny' : 'no-opinion',
    reason: '',
    error: error instanceof Error ? error : new Error(String(error)),
  })

  const askOnce = async (review: string): Promise<ReviewStatus> => {
    const start = performance.now()
    const tell = (result: 'success' | 'timeout' | 'error'): void =>
      metrics.asked(result, (performance.now() - start) / 1000)
    try {
      const status = decodeReview(version, await webhook.call(review))
      tell('success')
      return status
    } catch (error) {
      tell(isTimeout(error) ? 'timeout' : 'error')
      throw error
    }
  }

  const ask = async (key: string, review: string): Promise<ReviewStatus> => {
    try {
      const status = await withRetries(() => askOnce(review), { initialMs: initialBackoffMs, shouldRetry: isPassing })
      const ttl = status.allowed ? authorizedTtlMs : unauthorizedTtlMs
      if (ttl > 0 && key.length < maxRememberedLength) remembered.set(key, status, { ttl })
      return status
    } catch (err) {
      log.error({ err }, 'Failed to make webhook authorizer request')
      if (failurePolicy === 'NoOpinion') metrics.failedOpen(isTimeout(err) ? 'timeout' : 'error')
      throw err
    }
  }

  return {
    authorize: async (attributes) => {
      const spec = reviewSpecOf(attributes)
      if (matches !== undefined) {
        const start = performance.now()
        try {
          const isMine = matches(spec)
          if (!isMine) metrics.excluded()
          if (!isMine) return { type: 'no-opinion', reason: '' }
        } catch (error) {
          metrics.matchFailed()
          return failed(error)
        } finally {
          metrics.matched((performance.now() - start) / 1000)
        }
      }
      const key = JSON.stringify(spec)
      const known = remembered.get(key)
      if (known !== undefined) return decisionOf(known)
      // Those who ask the same at one time wait for one answer.
      let answer = asking.get(key)
      if (answer === undefined) {
        answer = ask(key, encodeReview(version, spec)).finally(() => asking.delete(key))
        asking.set(key, answer)
      }
      try {
        return decisionOf(await answer)
      } catch (error) {
        return failed(error)
      }
    },
  }
}
