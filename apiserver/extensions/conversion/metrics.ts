/** Calls of conversion webhooks, under upstream's names. */
import { Counter, Histogram, type Registry } from '../../../component-base/metrics/prometheus.ts'

export type ConversionFailure =
  | 'conversion_webhook_call_failure'
  | 'conversion_webhook_malformed_response_failure'
  | 'conversion_webhook_partial_response_failure'
  | 'conversion_webhook_invalid_converted_object_failure'

export interface ConversionCall {
  /** Name of the CustomResourceDefinition. */
  readonly definition: string
  readonly fromVersion: string
  readonly toVersion: string
}

export interface ConversionMetrics {
  /** `failure` is undefined for a call that succeeded. */
  called(call: ConversionCall, seconds: number, failure: ConversionFailure | undefined): void
}

export const createConversionMetrics = (registry: Registry): ConversionMetrics => {
  const registers = [registry]
  const labelNames = ['result', 'failure_type'] as const
  const requests = new Counter({
    name: 'apiserver_conversion_webhook_request_total',
    help: 'Number of calls of conversion webhooks, by how they ended.',
    labelNames,
    registers,
  })
  const durations = new Histogram({
    name: 'apiserver_conversion_webhook_duration_seconds',
    help: 'Time that calls of conversion webhooks took.',
    labelNames,
    buckets: [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 45, 60],
    registers,
  })
  const conversions = new Histogram({
    name: 'apiserver_crd_conversion_webhook_duration_seconds',
    help: 'Time that conversions of custom resources by webhooks took.',
    labelNames: ['crd_name', 'from_version', 'to_version', 'succeeded'],
    buckets: Array.from({ length: 15 }, (_, power) => 0.001 * 2 ** power),
    registers,
  })
  return {
    called: ({ definition, fromVersion, toVersion }, seconds, failure) => {
      const result = failure === undefined ? 'success' : 'failure'
      requests.labels(result, failure ?? '').inc()
      durations.labels(result, failure ?? '').observe(seconds)
      conversions.labels(definition, fromVersion, toVersion, String(failure === undefined)).observe(seconds)
    },
  }
}
