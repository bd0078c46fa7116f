/** Results of health checks as metrics, for /metrics/slis. Upstream: component-base/metrics/prometheus/slis */
import { Counter, Gauge, type Registry } from '../metrics/prometheus.ts'
import type { HealthObserver } from './healthz.ts'

export const healthMetrics = (registry: Registry): HealthObserver => {
  const last = new Gauge({
    name: 'kubernetes_healthcheck',
    help: 'Result of a single health check: 1 if it passed.',
    labelNames: ['name', 'type'],
    registers: [registry],
  })
  const total = new Counter({
    name: 'kubernetes_healthchecks_total',
    help: 'Results of all health checks.',
    labelNames: ['name', 'type', 'status'],
    registers: [registry],
  })
  return (name, type, healthy) => {
    last.labels(name, type).set(healthy ? 1 : 0)
    total.labels(name, type, healthy ? 'success' : 'error').inc()
  }
}
