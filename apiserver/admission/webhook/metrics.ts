/** Times and refusals of webhooks, under upstream's names. */
import { Counter, Histogram, type Registry } from '../../../component-base/metrics/prometheus.ts'
import type { Operation } from '../admission.ts'
import type { Hook } from './hooks.ts'

export type WebhookType = 'admit' | 'validating'
/** Whose fault a refusal is. */
export type ErrorType = 'no_error' | 'calling_webhook_error' | 'apiserver_internal_error'

export interface WebhookMetrics {
  called(
    hook: Hook,
    type: WebhookType,
    operation: Operation,
    seconds: number,
    outcome: { rejected: boolean; code: number },
  ): void
  rejected(hook: Hook, type: WebhookType, operation: Operation, error: ErrorType, code: number): void
  failedOpen(hook: Hook, type: WebhookType): void
}

export const createWebhookMetrics = (registry: Registry): WebhookMetrics => {
  const registers = [registry]
  const durations = new Histogram({
    name: 'apiserver_admission_webhook_admission_duration_seconds',
    help: 'Time that calls of admission webhooks took, by webhook.',
    labelNames: ['name', 'type', 'operation', 'rejected'],
    buckets: [0.005, 0.025, 0.1, 0.5, 1, 2.5, 10, 25],
    registers,
  })
  const requests = new Counter({
    name: 'apiserver_admission_webhook_request_total',
    help: 'Number of calls of admission webhooks, by webhook and answer.',
    labelNames: ['name', 'type', 'operation', 'code', 'rejected'],
    registers,
  })
  const rejections = new Counter({
    name: 'apiserver_admission_webhook_rejection_count',
    help: 'Number of requests that admission webhooks have refused, or that were refused because a webhook failed.',
    labelNames: ['name', 'type', 'operation', 'error_type', 'rejection_code'],
    registers,
  })
  const open = new Counter({
    name: 'apiserver_admission_webhook_fail_open_count',
    help: 'Number of calls that failed and were let pass, by webhook.',
    labelNames: ['name', 'type'],
    registers,
  })
  return {
    called: ({ name }, type, operation, seconds, { rejected, code }) => {
      durations.labels(name, type, operation, String(rejected)).observe(seconds)
      requests.labels(name, type, operation, String(code), String(rejected)).inc()
    },
    rejected: ({ name }, type, operation, error, code) =>
      rejections.labels(name, type, operation, error, String(Math.min(code, 600))).inc(),
    failedOpen: ({ name }, type) => open.labels(name, type).inc(),
  }
}
