/**
 * Writers that note every call with what it would do, and the revision that it was acknowledged with. Each lane makes
 * one call at a time on keys of its own, so at most one call a lane is in doubt when the server is killed.
 */
import type { EtcdClient } from '../../../component-base/etcd/client.ts'
import type { RequestOpInit } from '../../../component-base/etcd/messages.ts'
import { describePut } from './history.ts'
import type { SeededRandom } from '../../harness/seeded-random.ts'

/** One call that writes. */
export interface Call {
  /** As History describes a revision. */
  readonly effect: readonly string[]
  /** Undefined when it was never acknowledged. */
  revision: number | undefined
}

export interface LeaseNote {
  readonly id: bigint
  /** Calls that were begun, and those that were acknowledged. */
  granted: boolean
  revoking: boolean
  revoked: boolean
}

export interface Notes {
  /** Calls not yet compared with the history. */
  calls: Call[]
  readonly leases: Map<bigint, LeaseNote>
  /** The newest compaction asked for, and the newest acknowledged. */
  compactionAsked: number
  compacted: number
  acknowledged: number
}

export const newNotes = (): Notes => ({
  calls: [],
  leases: new Map(),
  compactionAsked: 0,
  compacted: 0,
  acknowledged: 0,
})

export interface LaneContext {
  readonly client: EtcdClient
  readonly notes: Notes
  readonly random: SeededRandom
  /** True once the server is being killed: no new calls. */
  readonly over: () => boolean
}

const keysOfLane = 6
const bytes = (text: string): Buffer => Buffer.from(text)

const putOp = (key: string, value: string, lease = 0n): RequestOpInit => ({
  requestPut: { key: bytes(key), value: bytes(value), lease },
})
const deleteOp = (key: string): RequestOpInit => ({ requestDeleteRange: { key: bytes(key) } })

/** Notes a call, makes it, notes its acknowledgement. */
const send = async (
  { client, notes }: LaneContext,
  effect: readonly string[],
  ops: readonly RequestOpInit[],
): Promise<void> => {
  const call: Call = { effect: [...effect].sort(), revision: undefined }
  notes.calls.push(call)
  const { header } = await client.txn({ success: ops })
  call.revision = header?.revision
  notes.acknowledged++
}

let token = 0

/** Pairs of keys that are always equal, and single keys; some values are large enough to fill LevelDB's buffers. */
const writeKeys = async (context: LaneContext, lane: number, live: Set<string>): Promise<void> => {
  const { random } = context
  const n = random.below(keysOfLane)
  const [a, b] = [`/a/${lane}/${n}`, `/b/${lane}/${n}`]
  const value = `${++token}:${'x'.repeat(random.oneIn(12) ? 60_000 : random.below(400))}`
  if (live.has(a) && random.oneIn(4)) {
    live.delete(a)
    await send(context, [`delete ${a}`, `delete ${b}`], [deleteOp(a), deleteOp(b)])
  } else if (random.oneIn(3)) {
    const single = `/s/${lane}/${n}`
    await send(context, [describePut(single, value)], [putOp(single, value)])
  } else {
    live.add(a)
    await send(context, [describePut(a, value), describePut(b, value)], [putOp(a, value), putOp(b, value)])
  }
}

/** Runs a lane of writes until the server is gone. `live` has the keys that exist. */
export const writeLane = async (context: LaneContext, lane: number, live: Set<string>): Promise<void> => {
  try {
    while (!context.over()) await writeKeys(context, lane, live)
  } catch {
    // The server is gone.
  }
}

let lastLease = 0n

/** Grants a lease, hangs keys on it, takes one off, and mostly revokes it. */
const useLease = async (context: LaneContext): Promise<void> => {
  const { client, notes, random } = context
  const id = ++lastLease
  const note: LeaseNote = { id, granted: false, revoking: false, revoked: false }
  notes.leases.set(id, note)
  await client.leaseGrant({ ID: id, TTL: 100_000 })
  note.granted = true
  const keys = [`/l/${id}/0`, `/l/${id}/1`]
  await send(
    context,
    keys.map((key) => `put ${key}=${id}`),
    keys.map((key) => putOp(key, String(id), id)),
  )
  const [first = '', second = ''] = keys
  const detached = random.oneIn(2)
  if (detached) await send(context, [`put ${first}=free`], [putOp(first, 'free')])
  if (random.oneIn(4)) return
  note.revoking = true
  const call: Call = {
    effect: detached ? [`delete ${second}`] : keys.map((key) => `delete ${key}`),
    revision: undefined,
  }
  notes.calls.push(call)
  await client.leaseRevoke(id)
  note.revoked = true
  if (detached) await send(context, [`delete ${first}`], [deleteOp(first)])
}

export const leaseLane = async (context: LaneContext): Promise<void> => {
  try {
    while (!context.over()) await useLease(context)
  } catch {
    // The server is gone.
  }
}

/** Compacts up to a revision that the watcher has passed. */
export const compactOnce = async (
  { client, notes, random }: LaneContext,
  seen: number,
  physical: boolean,
): Promise<void> => {
  const revision = seen - random.below(60)
  if (revision <= notes.compactionAsked) return
  notes.compactionAsked = revision
  try {
    await client.compact({ revision, physical })
    notes.compacted = revision
  } catch {
    // The server is gone.
  }
}
