/** All metrics of the server, under etcd's names; read when they are asked for, so that they cost nothing otherwise. */
import { Counter, Gauge, Histogram, Registry } from '../component-base/metrics/prometheus.ts'
import type { Backend } from './backend/backend.ts'
import type { MvccStore } from './mvcc/store.ts'
import { etcdVersion } from './version.ts'

export interface EtcdMetrics {
  readonly registry: Registry
  countCall(path: string, code: number): void
  observeCommit(seconds: number): void
}

const codeNames = [
  'OK',
  'Canceled',
  'Unknown',
  'InvalidArgument',
  'DeadlineExceeded',
  'NotFound',
  'AlreadyExists',
  'PermissionDenied',
  'ResourceExhausted',
  'FailedPrecondition',
  'Aborted',
  'OutOfRange',
  'Unimplemented',
  'Internal',
  'Unavailable',
  'DataLoss',
  'Unauthenticated',
]

/** etcd's buckets: 1 ms doubled fourteen times. */
const commitBuckets = Array.from({ length: 14 }, (_, i) => 0.001 * 2 ** i)

export const createEtcdMetrics = (sources: { store: () => MvccStore; backend: () => Backend }): EtcdMetrics => {
  const registry = new Registry()
  const gauge = (name: string, help: string, read: () => number | Promise<number>): void => {
    new Gauge({
      name,
      help,
      registers: [registry],
      async collect() {
        this.set(await read())
      },
    })
  }
  new Gauge({
    name: 'etcd_server_version',
    help: 'Which version is running.',
    labelNames: ['server_version'],
    registers: [registry],
  })
    .labels(etcdVersion)
    .set(1)
  gauge('etcd_server_has_leader', 'Whether or not a leader exists. 1 is existence, 0 is not.', () => 1)
  gauge('etcd_server_is_leader', 'Whether or not this member is a leader. 1 if is, 0 otherwise.', () => 1)
  gauge('etcd_debugging_mvcc_keys_total', 'Total number of keys.', () => sources.store().keyCount)
  gauge('etcd_debugging_mvcc_current_revision', 'The current revision of store.', () => sources.store().revision)
  gauge(
    'etcd_debugging_mvcc_compact_revision',
    'The revision of the last compaction in store.',
    () => sources.store().compactedRevision,
  )
  gauge(
    'etcd_mvcc_db_total_size_in_bytes',
    'Total size of the underlying database physically allocated in bytes.',
    () => sources.backend().sizeBytes(),
  )
  gauge('process_resident_memory_bytes', 'Resident memory size in bytes.', () => process.memoryUsage.rss())
  gauge('process_cpu_seconds_total', 'Total user and system CPU time spent in seconds.', () => {
    const { user, system } = process.cpuUsage()
    return (user + system) / 1e6
  })
  gauge(
    'process_start_time_seconds',
    'Start time of the process since unix epoch in seconds.',
    () => performance.timeOrigin / 1000,
  )
  const handled = new Counter({
    name: 'grpc_server_handled_total',
    help: 'Total number of RPCs completed on the server, regardless of success or failure.',
    labelNames: ['grpc_code', 'grpc_method', 'grpc_service'],
    registers: [registry],
  })
  const fsync = new Histogram({
    name: 'etcd_disk_wal_fsync_duration_seconds',
    help: 'The latency distributions of fsync called by WAL.',
    buckets: commitBuckets,
    registers: [registry],
  })
  // Counted here and turned into labels when asked: a label lookup per call would cost more than the call's counting.
  const calls = new Map<string, number>()
  const { metrics: exposition } = registry
  registry.metrics = async () => {
    for (const [key, count] of calls) {
      const [path = '', code = '0'] = key.split(' ')
      const [, service = '', method = ''] = path.split('/')
      handled.labels(codeNames[Number(code)] ?? code, method, service).inc(count)
    }
    calls.clear()
    return exposition.call(registry)
  }
  return {
    registry,
    countCall: (path, code) => {
      const key = `${path} ${code}`
      calls.set(key, (calls.get(key) ?? 0) + 1)
    },
    observeCommit: (seconds) => fsync.observe(seconds),
  }
}
