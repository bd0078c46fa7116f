/** What is read of store, watches, leases and auth at a scrape. A cluster of one always has its leader. */
import type { Family } from '../../component-base/metrics/exposition.ts'
import type { WatchService } from '../grpc/watch.ts'
import type { Lessor } from '../lease/lessor.ts'
import type { MvccStore } from '../mvcc/store.ts'
import { etcdClusterVersion, etcdVersion } from '../version.ts'
import { counter, gauge } from './families.ts'

export interface ServerSources {
  readonly store: MvccStore
  readonly watches: Pick<WatchService, 'counts'>
  readonly lessor: Pick<Lessor, 'counts' | 'ttls'>
  readonly memberId: bigint
  /** Negative: none. */
  readonly quotaBytes: number
  readonly authRevision: () => number
  /** Bytes on the disk, and how many of them are needed. */
  readonly size: () => Promise<{ readonly total: number; readonly inUse: number }>
}

const versions = (major: string): string => major.split('.').slice(0, 2).join('.')

const labelled = (name: string, help: string, label: string, value: string): Family => ({
  name,
  help,
  type: 'gauge',
  samples: [{ labels: { [label]: value }, value: 1 }],
})

const memberFamilies = ({ store, memberId, quotaBytes, authRevision }: ServerSources): Family[] => [
  labelled(
    'etcd_server_version',
    "Which version is running. 1 for 'server_version' label with current version.",
    'server_version',
    etcdVersion,
  ),
  labelled(
    'etcd_cluster_version',
    "Which version is running. 1 for 'cluster_version' label with current cluster version",
    'cluster_version',
    versions(etcdClusterVersion),
  ),
  labelled(
    'etcd_server_id',
    "Server or member ID in hexadecimal format. 1 for 'server_id' label with current ID.",
    'server_id',
    memberId.toString(16),
  ),
  gauge('etcd_server_has_leader', 'Whether or not a leader exists. 1 is existence, 0 is not.', 1),
  gauge('etcd_server_is_leader', 'Whether or not this member is a leader. 1 if is, 0 otherwise.', 1),
  gauge('etcd_server_is_learner', 'Whether or not this member is a learner. 1 if is, 0 otherwise.', 0),
  counter('etcd_server_leader_changes_seen_total', 'The number of leader changes seen.', 1),
  gauge('etcd_server_quota_backend_bytes', 'Current backend storage quota size in bytes.', Math.max(0, quotaBytes)),
  gauge('etcd_server_proposals_committed_total', 'The total number of consensus proposals committed.', store.revision),
  gauge('etcd_server_proposals_applied_total', 'The total number of consensus proposals applied.', store.revision),
  gauge('etcd_server_proposals_pending', 'The current number of pending proposals to commit.', store.pendingRevisions),
  counter('etcd_server_proposals_failed_total', 'The total number of failed proposals seen.', 0),
  gauge('etcd_debugging_auth_revision', 'The current revision of auth store.', authRevision()),
]

const storeFamilies = ({ store }: ServerSources): Family[] => {
  const { counts } = store
  const operations = [
    ['range', 'Total number of ranges seen by this member.', counts.ranges],
    ['put', 'Total number of puts seen by this member.', counts.puts],
    ['delete', 'Total number of deletes seen by this member.', counts.deletes],
    ['txn', 'Total number of txns seen by this member.', counts.txns],
  ] as const
  return [
    ...operations.map(([name, help, value]) => counter(`etcd_mvcc_${name}_total`, help, value)),
    counter('etcd_debugging_mvcc_range_total', 'Total number of ranges seen by this member.', counts.ranges),
    counter(
      'etcd_debugging_mvcc_total_put_size_in_bytes',
      'The total size of put kv pairs seen by this member.',
      counts.putBytes,
    ),
    gauge('etcd_debugging_mvcc_keys_total', 'Total number of keys.', store.index.liveCount),
    gauge('etcd_debugging_mvcc_current_revision', 'The current revision of store.', store.revision),
    gauge(
      'etcd_debugging_mvcc_compact_revision',
      'The revision of the last compaction in store.',
      Math.max(-1, store.compactedRevision),
    ),
    counter(
      'etcd_debugging_mvcc_db_compaction_keys_total',
      'Total number of db keys compacted.',
      store.collectedVersions,
    ),
  ]
}

const watchFamilies = ({ watches }: ServerSources): Family[] => {
  const { streams, watchers, slow, events } = watches.counts()
  return [
    gauge('etcd_debugging_mvcc_watch_stream_total', 'Total number of watch streams.', streams),
    gauge('etcd_debugging_mvcc_watcher_total', 'Total number of watchers.', watchers),
    gauge('etcd_debugging_mvcc_slow_watcher_total', 'Total number of unsynced slow watchers.', slow),
    counter('etcd_debugging_mvcc_events_total', 'Total number of events sent by this member.', events),
  ]
}

const leaseFamilies = ({ lessor }: ServerSources): Family[] => [
  counter('etcd_debugging_lease_granted_total', 'The total number of granted leases.', lessor.counts.granted),
  counter('etcd_debugging_lease_revoked_total', 'The total number of revoked leases.', lessor.counts.revoked),
  counter(
    'etcd_debugging_lease_renewed_total',
    'The number of renewed leases seen by the leader.',
    lessor.counts.renewed,
  ),
  counter('etcd_debugging_server_lease_expired_total', 'The total number of expired leases.', lessor.counts.expired),
  {
    name: 'etcd_debugging_lease_ttl_total',
    help: 'Bucketed histogram of lease TTLs.',
    type: 'histogram',
    samples: [{ histogram: lessor.ttls }],
  },
]

export const serverFamilies = async (sources: ServerSources): Promise<Family[]> => {
  const { total, inUse } = await sources.size()
  return [
    ...memberFamilies(sources),
    ...storeFamilies(sources),
    ...watchFamilies(sources),
    ...leaseFamilies(sources),
    gauge(
      'etcd_mvcc_db_total_size_in_bytes',
      'Total size of the underlying database physically allocated in bytes.',
      total,
    ),
    gauge(
      'etcd_mvcc_db_total_size_in_use_in_bytes',
      'Total size of the underlying database logically in use in bytes.',
      inUse,
    ),
  ]
}
