/** Metrics of authorizers, under upstream's names. */
import { createHash } from 'node:crypto'
import { realClock } from '../../component-base/clock.ts'
import { Counter, Gauge, Histogram, type Registry } from '../../component-base/metrics/prometheus.ts'

export interface WebhookAuthorizerMetrics {
  asked(result: 'success' | 'timeout' | 'error', seconds: number): void
  failedOpen(result: 'timeout' | 'error'): void
  matched(seconds: number): void
  matchFailed(): void
  excluded(): void
}

export interface AuthorizationMetrics {
  /** Counts decisions of one authorizer that end the chain. */
  decisions(type: string, name: string): (decision: 'allow' | 'deny') => void
  webhook(name: string): WebhookAuthorizerMetrics
  /** The file that was read, and read again; the text is undefined where it was of no use. */
  configLoaded(text: string): void
  reloaded(text: string | undefined): void
}

export const createAuthorizationMetrics = (registry: Registry, apiServerId: string): AuthorizationMetrics => {
  const registers = [registry]
  const decisions = new Counter({
    name: 'apiserver_authorization_decisions_total',
    help: 'Total number of terminal decisions made by an authorizer split by authorizer type, name, and decision.',
    labelNames: ['type', 'name', 'decision'],
    registers,
  })
  const byResult = { labelNames: ['name', 'result'], registers } as const
  const evaluations = new Counter({
    name: 'apiserver_authorization_webhook_evaluations_total',
    help: 'Round-trips to authorization webhooks.',
    ...byResult,
  })
  const durations = new Histogram({
    name: 'apiserver_authorization_webhook_duration_seconds',
    help: 'Request latency in seconds.',
    ...byResult,
  })
  const failOpen = new Counter({
    name: 'apiserver_authorization_webhook_evaluations_fail_open_total',
    help: 'NoOpinion results due to webhook timeout or error.',
    ...byResult,
  })
  const byAuthorizer = { labelNames: ['type', 'name'], registers } as const
  const matchErrors = new Counter({
    name: 'apiserver_authorization_match_condition_evaluation_errors_total',
    help: 'Total number of errors when an authorization webhook encounters a match condition error split by authorizer type and name.',
    ...byAuthorizer,
  })
  const exclusions = new Counter({
    name: 'apiserver_authorization_match_condition_exclusions_total',
    help: 'Total number of exclusions when an authorization webhook is skipped because match conditions exclude it.',
    ...byAuthorizer,
  })
  const matchSeconds = new Histogram({
    name: 'apiserver_authorization_match_condition_evaluation_seconds',
    help: 'Authorization match condition evaluation time in seconds, split by authorizer type and name.',
    buckets: [0.001, 0.005, 0.01, 0.025, 0.1, 0.2, 0.25],
    ...byAuthorizer,
  })
  const byStatus = { labelNames: ['status', 'apiserver_id_hash'], registers } as const
  const reloads = new Counter({
    name: 'apiserver_authorization_config_controller_automatic_reloads_total',
    help: 'Total number of automatic reloads of authorization configuration split by status and apiserver identity.',
    ...byStatus,
  })
  const reloadedAt = new Gauge({
    name: 'apiserver_authorization_config_controller_automatic_reload_last_timestamp_seconds',
    help: 'Timestamp of the last automatic reload of authorization configuration split by status and apiserver identity.',
    ...byStatus,
  })
  const configInfo = new Gauge({
    name: 'apiserver_authorization_config_controller_last_config_info',
    help: 'Information about the last applied authorization configuration with hash as label, split by apiserver identity.',
    labelNames: ['apiserver_id_hash', 'hash'],
    registers,
  })
  const hashOf = (text: string): string => `sha256:${createHash('sha256').update(text).digest('hex')}`
  const idHash = hashOf(apiServerId)
  const configLoaded = (text: string): void => {
    configInfo.reset()
    configInfo.labels(idHash, hashOf(text)).set(1)
  }
  return {
    decisions: (type, name) => {
      // prom-client hashes labels at every call, and this is one of every request.
      const children = new Map<string, Counter.Internal>()
      return (decision) => {
        let child = children.get(decision)
        if (child === undefined) {
          child = decisions.labels(type, name, decision === 'allow' ? 'allowed' : 'denied')
          children.set(decision, child)
        }
        child.inc()
      }
    },
    webhook: (name) => ({
      asked: (result, seconds) => {
        evaluations.labels(name, result).inc()
        durations.labels(name, result).observe(seconds)
      },
      failedOpen: (result) => failOpen.labels(name, result).inc(),
      matched: (seconds) => matchSeconds.labels('Webhook', name).observe(seconds),
      matchFailed: () => matchErrors.labels('Webhook', name).inc(),
      excluded: () => exclusions.labels('Webhook', name).inc(),
    }),
    configLoaded,
    reloaded: (text) => {
      const status = text === undefined ? 'failure' : 'success'
      reloads.labels(status, idHash).inc()
      reloadedAt.labels(status, idHash).set(realClock.now() / 1000)
      if (text !== undefined) configLoaded(text)
    },
  }
}
