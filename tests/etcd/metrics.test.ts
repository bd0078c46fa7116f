/** /metrics beside Debian's etcd: the same names and labels, and values that say what was done. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { startEtcd, type TestEtcd } from '../harness/etcd.ts'
import { waitFor } from '../harness/wait.ts'

const scrape = async ({ endpoint }: TestEtcd): Promise<Map<string, number>> => {
  const text = await (await fetch(`${endpoint}/metrics`)).text()
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
  )
}

const nameOf = (series: string): string => series.replace(/\{.*/, '').replace(/_(bucket|sum|count)$/, '')

/** What a cluster of one without raft, bolt, v2 and Go has not. */
const absent = [
  /^(go|promhttp)_/,
  /^etcd_(network_peer|network_active_peers|network_known_peers|network_disconnected_peers|snap|disk_backend_snapshot)/,
  /^etcd_debugging_(snap|store|disk_backend_commit)/,
  /^etcd_debugging_mvcc_(index_compaction|db_compaction_(pause|total)|db_total_size|pending_events|put|delete|txn)/,
  /^etcd_mvcc_(hash|db_open_read)/,
  /^etcd_server_(go_version|heartbeat|slow_|read_indexes|snapshot|learner_promote|client_requests|apply)/,
  /^(etcd_grpc_proxy|etcd_disk_wal_write|process_virtual_memory_max)/,
]

const bytes = (text: string): Buffer => Buffer.from(text)

/** The same work for both. */
const work = async ({ client }: TestEtcd): Promise<void> => {
  const put = { requestPut: { key: bytes('t'), value: bytes('1') } }
  await client.put({ key: bytes('a'), value: bytes('12345') })
  await client.put({ key: bytes('b') })
  await client.range({ key: bytes('a') })
  await client.deleteRange({ key: bytes('b') })
  await client.txn({ success: [put, { requestRange: { key: bytes('t') } }] })
  await client.txn({ success: [put] })
  await client.put({ key: bytes('x'), lease: 5n }).catch(() => {})
  const { ID } = await client.leaseGrant({ TTL: 100 })
  await client.leaseKeepAlive(ID)
  await client.leaseRevoke(ID)
  await client.compact({ revision: 3, physical: true })
}

const compared = [
  'etcd_debugging_mvcc_keys_total',
  'etcd_debugging_mvcc_total_put_size_in_bytes',
  'etcd_debugging_mvcc_watcher_total',
  'etcd_debugging_mvcc_watch_stream_total',
  'etcd_debugging_mvcc_slow_watcher_total',
  'etcd_debugging_mvcc_events_total',
  'etcd_debugging_lease_granted_total',
  'etcd_debugging_lease_revoked_total',
  'etcd_debugging_lease_renewed_total',
  'etcd_mvcc_put_total',
  'etcd_mvcc_delete_total',
  'etcd_mvcc_txn_total',
  'etcd_server_has_leader',
  'etcd_server_is_leader',
]

describe('metrics', () => {
  it('have the names, labels and values of etcd’s', async () => {
    await using real = await startEtcd({ kind: 'etcd' })
    await using ours = await startEtcd({ kind: 'etcd-lite', flags: ['--metrics=extensive'] })
    const controllers = [real, ours].map(() => new AbortController())
    for (const [i, etcd] of [real, ours].entries()) {
      const watch = etcd.client.watch({ key: bytes('a') }, controllers[i]?.signal ?? AbortSignal.abort())
      await watch.next()
      await work(etcd)
      await watch.next()
      await waitFor(async () => (await scrape(etcd)).get('etcd_debugging_mvcc_events_total') === 1, {
        what: 'a counted event',
      })
    }
    const [expected, actual] = [await scrape(real), await scrape(ours)]
    for (const controller of controllers) controller.abort()
    const names = (series: Map<string, number>): Set<string> => new Set([...series.keys()].map(nameOf))
    const missing = [...names(expected)].filter(
      (name) => !names(actual).has(name) && !absent.some((pattern) => pattern.test(name)),
    )
    assert.deepEqual(missing, [])
    for (const name of compared) assert.equal(actual.get(name), expected.get(name), name)
    const calls = [...expected].filter(([series]) =>
      /^grpc_server_(started|handled|msg_\w+)_total\{.*(KV|Lease|Watch)"/.test(series),
    )
    assert.ok(calls.length > 100)
    for (const [series, value] of calls) {
      // Our client cancels its one keep-alive stream when it has the answer; what the server saw first is a race.
      if (series.includes('LeaseKeepAlive') && series.includes('handled')) continue
      assert.equal(actual.get(series), value, series)
    }
    assert.ok((actual.get('etcd_disk_wal_fsync_duration_seconds_count') ?? 0) > 5)
    assert.ok((actual.get('etcd_mvcc_db_total_size_in_bytes') ?? 0) > 0)
    assert.ok((actual.get('etcd_network_client_grpc_sent_bytes_total') ?? 0) > 0)
    const handling =
      'grpc_server_handling_seconds_count{grpc_method="Put",grpc_service="etcdserverpb.KV",grpc_type="unary"}'
    assert.equal(actual.get(handling), 3)
  })
})
