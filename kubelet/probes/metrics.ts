/** What probes said and how long they took: /metrics/probes, under upstream's names. */
import { Counter, Histogram, Registry } from '../../component-base/metrics/prometheus.ts'
import type { BoundPod } from '../pod.ts'
import type { ProbeType } from '../sync/pod-actions.ts'
import type { ProbeResult } from './probe.ts'

export interface ProbeMetrics {
  /** Counts one answer, after so many seconds. An error of the kubelet's own is no answer. */
  observe(subject: ProbeSubject, result: ProbeResult['type'], seconds: number): void
  /** The container is gone: its series go with it. */
  forget(subject: ProbeSubject): void
  /** Prometheus text. */
  text(): Promise<string>
}

export interface ProbeSubject {
  readonly pod: BoundPod
  readonly container: string
  readonly kind: ProbeType
}

const titles = { startup: 'Startup', liveness: 'Liveness', readiness: 'Readiness' } as const
const results = { success: 'successful', warning: 'successful', failure: 'failed' } as const

export const createProbeMetrics = (): ProbeMetrics => {
  const registry = new Registry()
  const registers = [registry]
  const total = new Counter({
    name: 'prober_probe_total',
    help: 'Cumulative number of a liveness, readiness or startup probe for a container by result.',
    labelNames: ['probe_type', 'result', 'container', 'pod', 'namespace', 'pod_uid'],
    registers,
  })
  const duration = new Histogram({
    name: 'prober_probe_duration_seconds',
    help: 'Duration in seconds for a probe response.',
    labelNames: ['probe_type', 'container', 'pod', 'namespace'],
    registers,
  })
  const labelsOf = ({ pod: { metadata }, container, kind }: ProbeSubject) => ({
    probe_type: titles[kind],
    container,
    pod: metadata.name,
    namespace: metadata.namespace,
  })
  return {
    observe: (subject, result, seconds) => {
      if (result === 'error') return
      const labels = labelsOf(subject)
      total.inc({ ...labels, result: results[result], pod_uid: subject.pod.metadata.uid })
      duration.observe(labels, seconds)
    },
    forget: (subject) => {
      const labels = labelsOf(subject)
      for (const result of new Set(Object.values(results))) {
        total.remove({ ...labels, result, pod_uid: subject.pod.metadata.uid })
      }
      duration.remove(labels)
    },
    text: () => registry.metrics(),
  }
}
