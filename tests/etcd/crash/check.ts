/** What must hold after a restart, whatever the instant at which the server was killed. */
import assert from 'node:assert/strict'
import { EtcdClient } from '../../../component-base/etcd/client.ts'
import { lease } from '../../../component-base/etcd/service.ts'
import { GrpcChannel } from '../../../component-base/grpc/client.ts'
import type { Chain } from './chain.ts'
import { describeEvents, describeKeyValue, firstRevision, type History } from './history.ts'
import type { Notes } from './workload.ts'

const everything = { key: Buffer.from('\0'), rangeEnd: Buffer.from('\0') }

/** Watches from where `history` ends, until it is at `head` or the server is gone. */
export const follow = async (client: EtcdClient, history: History, head: number): Promise<void> => {
  if (history.last >= head) return
  const stop = new AbortController()
  try {
    for await (const response of client.watch({ ...everything, startRevision: history.last + 1 }, stop.signal)) {
      assert.equal(response.canceled, false, `the watch was cancelled: compacted at ${response.compactRevision}`)
      history.append(response.events)
      if (history.last >= head) return
    }
  } finally {
    stop.abort()
  }
}

/** Reads again all that is not compacted, and compares it with what the watcher was told when it happened. */
const checkHistory = async (client: EtcdClient, { history, notes }: Chain): Promise<void> => {
  const from = Math.max(notes.compactionAsked, firstRevision) + 1
  if (from > history.last) return
  const stored = new Map<number, string[]>()
  const stop = new AbortController()
  for await (const { canceled, events } of client.watch({ ...everything, startRevision: from }, stop.signal)) {
    assert.equal(canceled, false)
    for (const [revision, group] of Map.groupBy(events, ({ kv }) => kv?.modRevision ?? 0)) {
      stored.set(revision, describeEvents(group))
    }
    if (stored.has(history.last)) stop.abort()
  }
  for (let revision = from; revision <= history.last; revision++) {
    assert.deepEqual(stored.get(revision), history.at(revision), `revision ${revision}`)
  }
}

/** Leases whose keys are asked for. */
const leasesAsked = 30

/** Every acknowledged call is at its revision, and every revision is the whole effect of a call that was made. */
const checkCalls = (history: History, notes: Notes, from: number): void => {
  const acknowledged = new Map(notes.calls.filter(({ revision }) => revision !== undefined).map((c) => [c.revision, c]))
  const doubtful = new Map<string, number>()
  for (const { effect, revision } of notes.calls) {
    if (revision !== undefined) continue
    const name = effect.join('\n')
    doubtful.set(name, (doubtful.get(name) ?? 0) + 1)
  }
  for (const [revision, call] of acknowledged) {
    if (revision === undefined) continue
    assert.deepEqual(history.at(revision), call.effect, `the acknowledged revision ${revision}`)
  }
  for (let revision = from + 1; revision <= history.last; revision++) {
    if (acknowledged.has(revision)) continue
    const effect = history.at(revision)?.join('\n') ?? ''
    const left = doubtful.get(effect) ?? 0
    assert.ok(left > 0, `nobody asked for revision ${revision}: ${effect.slice(0, 200)}`)
    doubtful.set(effect, left - 1)
  }
}

const checkRange = async (client: EtcdClient, history: History, revision: number): Promise<void> => {
  const { kvs, count } = await client.range({ ...everything, revision })
  const expected = history.stateAt(revision)
  assert.equal(count, expected.length)
  assert.deepEqual(kvs.map(describeKeyValue), expected, `the state at revision ${revision}`)
}

const checkCompaction = async (client: EtcdClient, history: History, notes: Notes, head: number): Promise<void> => {
  const compacted = async (revision: number): Promise<boolean> => {
    try {
      await client.range({ ...everything, revision, limit: 1 })
      return false
    } catch (err) {
      assert.match(String(err), /required revision has been compacted/)
      return true
    }
  }
  if (notes.compacted > 1) assert.ok(await compacted(notes.compacted - 1), `revision ${notes.compacted - 1} is back`)
  // A compaction that was not acknowledged may have happened; what is not older than it must be readable.
  const readable = Math.max(notes.compactionAsked, 1)
  await checkRange(client, history, readable)
  await checkRange(client, history, readable + Math.floor((head - readable) / 2))
}

const checkLeases = async (endpoint: string, client: EtcdClient, history: History, notes: Notes): Promise<void> => {
  const channel = new GrpcChannel({ endpoints: [endpoint], userAgent: 'kubets-tests' })
  try {
    const { leases } = await channel.unary(lease.leases, {}, {})
    const existing = new Set(leases.map(({ ID }) => ID))
    for (const { id, granted, revoking, revoked } of notes.leases.values()) {
      if (granted && !revoking) assert.ok(existing.has(id), `lease ${id} is lost`)
      if (revoked) assert.ok(!existing.has(id), `lease ${id} is back`)
    }
    const keysOf = Map.groupBy(history.stateAt(history.last), (key) => key.lease)
    for (const id of keysOf.keys()) assert.ok(id === 0n || existing.has(id), `keys of lease ${id}, which is gone`)
    for (const id of [...existing].slice(-leasesAsked)) {
      const { keys } = await client.leaseTimeToLive(id, true)
      assert.deepEqual(keys.map(String), keysOf.get(id)?.map(({ key }) => key) ?? [], `the keys of lease ${id}`)
    }
    for (const note of notes.leases.values()) if (note.revoked || !existing.has(note.id)) notes.leases.delete(note.id)
  } finally {
    channel.close()
  }
}

/** Compares the store with everything that is known of it. */
export const checkStore = async (endpoint: string, chain: Chain, depth: 'quick' | 'full'): Promise<void> => {
  const { history, notes, random } = chain
  using client = new EtcdClient({ endpoints: [endpoint] })
  const { header } = await client.range({ ...everything, countOnly: true })
  const head = header?.revision ?? 0
  const told = Math.max(history.last, ...notes.calls.map(({ revision }) => revision ?? 0))
  assert.ok(head >= told, `the revision went back from ${told} to ${head}`)
  await follow(client, history, head)
  checkCalls(history, notes, chain.checked)
  chain.checked = history.last
  notes.calls = []
  await checkRange(client, history, head)
  const full = depth === 'full'
  if (full || random.oneIn(2)) await checkCompaction(client, history, notes, head)
  if (full || random.oneIn(2)) await checkLeases(endpoint, client, history, notes)
  if (full || random.oneIn(8)) await checkHistory(client, chain)
}
