/** What is known of aggregated servers, under upstream's names. */
import { Counter, Gauge, type Registry } from '../../component-base/metrics/prometheus.ts'

export interface AggregatorMetrics {
  /** `becameUnavailable` is the reason, where the server was available before. */
  observed(apiService: string, available: boolean, becameUnavailable: string | undefined): void
  forget(apiService: string): void
}

export const createAggregatorMetrics = (registry: Registry): AggregatorMetrics => {
  const registers = [registry]
  const unavailable = new Gauge({
    name: 'aggregator_unavailable_apiservice',
    help: 'APIServices which are marked as unavailable, by name.',
    labelNames: ['name'],
    registers,
  })
  const counter = new Counter({
    name: 'aggregator_unavailable_apiservice_total',
    help: 'How often APIServices became unavailable, by name and reason.',
    labelNames: ['name', 'reason'],
    registers,
  })
  return {
    observed: (name, available, reason) => {
      unavailable.labels(name).set(available ? 0 : 1)
      if (reason !== undefined) counter.labels(name, reason).inc()
    },
    forget: (name) => unavailable.remove(name),
  }
}
