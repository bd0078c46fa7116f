/** Metrics of auditing, under upstream's names. */
import { Counter, type Registry } from '../../component-base/metrics/prometheus.ts'
import { type Level, levels } from './event.ts'

export interface AuditMetrics {
  event(): void
  error(plugin: string, count: number): void
  level(level: Level): void
  rejected(): void
}

export const createAuditMetrics = (registry: Registry): AuditMetrics => {
  const counter = (name: string, help: string, labelNames: string[] = []) =>
    new Counter({ name: `apiserver_audit_${name}`, help, labelNames, registers: [registry] })
  const events = counter('event_total', 'Counter of audit events generated and sent to the audit backend.')
  const errors = counter(
    'error_total',
    'Counter of audit events that failed to be audited properly. Plugin identifies the plugin affected by the error.',
    ['plugin'],
  )
  const byLevel = counter('level_total', 'Counter of policy levels for audit events (1 per request).', ['level'])
  const rejected = counter(
    'requests_rejected_total',
    'Counter of apiserver requests rejected due to an error in audit logging backend.',
  )
  // prom-client hashes labels at every call: children are looked up once.
  const ofLevel = Object.fromEntries(levels.map((level) => [level, byLevel.labels(level)])) as Record<
    Level,
    Counter.Internal
  >
  return {
    event: () => events.inc(),
    error: (plugin, count) => errors.labels(plugin).inc(count),
    level: (level) => ofLevel[level].inc(),
    rejected: () => rejected.inc(),
  }
}
