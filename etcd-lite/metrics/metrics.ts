/**
 * All metrics of the server, under etcd's names. What happens is counted in plain fields where it happens; everything
 * is read and written out when it is asked for.
 */
import { type CallCounters, newCallCounters } from '../../component-base/grpc/call-counters.ts'
import type { Implementation } from '../../component-base/grpc/handler.ts'
import { exposition, expositionContentType, type Family } from '../../component-base/metrics/exposition.ts'
import { exponentialBounds, PlainHistogram } from '../../component-base/metrics/histogram.ts'
import { processGauges } from '../../component-base/metrics/metrics.ts'
import { type HealthCounts, newHealthCounts } from '../http/health.ts'
import { grpcFamilies } from './grpc-families.ts'
import { counter, gauge } from './families.ts'
import { type ServerSources, serverFamilies } from './server-families.ts'

export interface EtcdMetrics {
  readonly health: HealthCounts
  /** The counters of a method; the same ones for each of its calls, by gRPC and by JSON. */
  callCounters(implementation: Implementation): CallCounters
  observeCommit(seconds: number): void
  /** Runs a defragmentation, and counts that and how long it runs. */
  defragmentation(run: () => Promise<void>): Promise<void>
  /** What is read at a scrape; there is nothing to tell of the store before. */
  attach(sources: ServerSources): void
  scrape(): Promise<{ readonly contentType: string; readonly text: string }>
}

/** go-grpc-prometheus' default. */
const handlingBounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

const healthFamilies = ({ success, failures, checks }: HealthCounts): Family[] => [
  counter('etcd_server_health_success', 'The total number of successful health checks', success),
  counter('etcd_server_health_failures', 'The total number of failed health checks', failures),
  {
    name: 'etcd_server_healthcheck',
    help: 'The result of each kind of healthcheck.',
    type: 'gauge',
    samples: [...checks.values()].map(({ type, name, ok }) => ({ labels: { type, name }, value: ok ? 1 : 0 })),
  },
  {
    name: 'etcd_server_healthchecks_total',
    help: 'The total number of each kind of healthcheck.',
    type: 'counter',
    samples: [...checks.values()].flatMap(({ type, name, ...counts }) =>
      (['success', 'error'] as const).flatMap((status) =>
        counts[status] === 0 ? [] : [{ labels: { type, name, status }, value: counts[status] }],
      ),
    ),
  },
]

/** Values of /proc are missing where there is none. */
const processFamilies = (): Family[] => {
  const { user, system } = process.cpuUsage()
  const found = processGauges.flatMap(({ name, help, read }) => {
    try {
      return [{ name, help, value: read() }]
    } catch {
      return []
    }
  })
  const valueOf = (wanted: string): number | undefined => found.find(({ name }) => name === wanted)?.value
  const sameAs = (name: string, help: string, source: string): Family[] => {
    const value = valueOf(source)
    return value === undefined ? [] : [gauge(name, help, value)]
  }
  return [
    counter('process_cpu_seconds_total', 'Total user and system CPU time spent in seconds.', (user + system) / 1e6),
    ...found.map(({ name, help, value }) => gauge(name, help, value)),
    ...sameAs('os_fd_used', 'The number of used file descriptors.', 'process_open_fds'),
    ...sameAs('os_fd_limit', 'The file descriptor limit.', 'process_max_fds'),
  ]
}

/** `extensive` also measures how long each call takes. */
export const createEtcdMetrics = (detail: 'basic' | 'extensive' = 'basic'): EtcdMetrics => {
  const health = newHealthCounts()
  const calls = new Map<string, { readonly implementation: Implementation; readonly counters: CallCounters }>()
  const commits = new PlainHistogram(exponentialBounds(0.001, 2, 14))
  const defragmentations = new PlainHistogram(exponentialBounds(0.1, 2, 13))
  let defragmenting = 0
  let sources: ServerSources | undefined
  const families = async (): Promise<Family[]> => [
    ...(sources === undefined ? [] : await serverFamilies(sources)),
    ...grpcFamilies([...calls.values()]),
    ...healthFamilies(health),
    ...processFamilies(),
    gauge(
      'etcd_disk_defrag_inflight',
      'Whether or not defrag is active on the member. 1 means active, 0 means not.',
      Math.min(1, defragmenting),
    ),
    {
      name: 'etcd_disk_wal_fsync_duration_seconds',
      help: 'The latency distributions of fsync called by WAL.',
      type: 'histogram',
      samples: [{ histogram: commits }],
    },
    {
      name: 'etcd_disk_backend_commit_duration_seconds',
      help: 'The latency distributions of commit called by backend.',
      type: 'histogram',
      samples: [{ histogram: commits }],
    },
    {
      name: 'etcd_disk_backend_defrag_duration_seconds',
      help: 'The latency distribution of backend defragmentation.',
      type: 'histogram',
      samples: [{ histogram: defragmentations }],
    },
  ]
  return {
    health,
    callCounters: (implementation) => {
      const known = calls.get(implementation.path)
      if (known !== undefined) return known.counters
      const counters = newCallCounters(detail === 'extensive' ? new PlainHistogram(handlingBounds) : undefined)
      calls.set(implementation.path, { implementation, counters })
      return counters
    },
    observeCommit: (seconds) => commits.observe(seconds),
    defragmentation: async (run) => {
      const startedMs = performance.now()
      defragmenting++
      try {
        await run()
        defragmentations.observe((performance.now() - startedMs) / 1000)
      } finally {
        defragmenting--
      }
    },
    attach: (given) => {
      sources = given
    },
    scrape: async () => ({ contentType: expositionContentType, text: exposition(await families()) }),
  }
}
