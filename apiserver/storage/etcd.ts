/** KeyValueStore over etcd's v3 API. */
import type { EtcdClient } from '../../component-base/etcd/client.ts'
import type { CallOptions } from '../../component-base/grpc/client.ts'
import {
  compareResult,
  compareTarget,
  eventType,
  type KeyValue as EtcdKeyValue,
  type RequestOpInit,
} from '../../component-base/etcd/messages.ts'
import type { WatchResponse } from '../../component-base/etcd/watch-messages.ts'
import { GrpcError, grpcCode, grpcCodeName } from '../../component-base/grpc/status.ts'
import { StatusError } from '../../api/meta/status-error.ts'
import {
  CompactedError,
  FutureRevisionError,
  type KeyValue,
  type KeyValueStore,
  type StoreEvent,
  type StoreEvents,
  type WriteResult,
} from './key-value.ts'
import { retryRead } from './retry-reads.ts'

const asBuffer = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

const fromEtcd = ({ key, value, modRevision }: EtcdKeyValue): KeyValue => ({
  key: asBuffer(key).toString('utf8'),
  value: asBuffer(value),
  modRevision,
})

const timeoutMs = 30_000
const changeMemberEveryMs = 1_000
const callOptions = { timeoutMs }
/** A member that loses its leader ends the watch, where it would be silent else. */
const requireLeader = { metadata: { hasleader: 'true' } }
/** All keys there are. */
const everyKey = Buffer.from([0])

/** Observes the time of each call under etcd's own name: `etcd_request_duration_seconds`. */
export type ObserveCall = (operation: string, seconds: number) => void

export const createEtcdKeyValue = (client: EtcdClient, root: string, observe: ObserveCall): KeyValueStore => {
  let changedMemberAt = -changeMemberEveryMs
  /** Once for all calls that were refused for the same reason. */
  const changeMember = (): void => {
    const now = performance.now()
    if (now - changedMemberAt < changeMemberEveryMs) return
    changedMemberAt = now
    client.useNextEndpoint()
  }
  const call = async <T>(operation: string, send: () => Promise<T>): Promise<T> => {
    const start = performance.now()
    try {
      return await send()
    } catch (error) {
      if (lacksLeader(error)) changeMember()
      throw error
    } finally {
      observe(operation, (performance.now() - start) / 1000)
    }
  }
  const write = async <T>(operation: string, send: () => Promise<T>): Promise<T> => {
    try {
      return await call(operation, send)
    } catch (error) {
      throw translated(error)
    }
  }
  const read = async <T>(operation: string, send: (options: CallOptions) => Promise<T>): Promise<T> => {
    try {
      return await retryRead((left) => call(operation, () => send({ timeoutMs: left })), timeoutMs)
    } catch (error) {
      throw translated(error)
    }
  }
  /** Does `op` if the key's modRevision is as expected, and tells what is there if not. */
  const guarded = async (operation: string, key: string, expected: number, op: RequestOpInit): Promise<WriteResult> => {
    const keyBytes = Buffer.from(key)
    const answer = await write(operation, () =>
      client.txn(
        {
          compare: [{ result: compareResult.equal, target: compareTarget.mod, key: keyBytes, modRevision: expected }],
          success: [op],
          failure: [{ requestRange: { key: keyBytes } }],
        },
        callOptions,
      ),
    )
    if (answer.succeeded) return { type: 'written', revision: answer.header?.revision ?? 0 }
    const current = answer.responses[0]?.responseRange?.kvs[0]
    return { type: 'conflict', current: current === undefined ? undefined : fromEtcd(current) }
  }
  const probe = Buffer.from(`${root}/`)
  return {
    get: async (key) => {
      const answer = await read('get', (options) => client.range({ key: Buffer.from(key) }, options))
      const [found] = answer.kvs
      return { current: found === undefined ? undefined : fromEtcd(found), revision: answer.header?.revision ?? 0 }
    },
    list: async ({ start, end, limit = 0, revision = 0 }) => {
      const answer = await read('list', (options) =>
        client.range({ key: Buffer.from(start), rangeEnd: Buffer.from(end), limit, revision }, options),
      )
      return {
        items: answer.kvs.map(fromEtcd),
        count: answer.count,
        more: answer.more,
        revision: answer.header?.revision ?? 0,
      }
    },
    put: (key, value, expected, lease) =>
      guarded(expected === 0 ? 'create' : 'update', key, expected, {
        requestPut: { key: Buffer.from(key), value, lease: lease === undefined ? 0n : BigInt(lease) },
      }),
    delete: (key, expected) => guarded('delete', key, expected, { requestDeleteRange: { key: Buffer.from(key) } }),
    currentRevision: async () => {
      const answer = await read('getCurrentRevision', (options) =>
        client.range({ key: probe, countOnly: true }, options),
      )
      return answer.header?.revision ?? 0
    },
    watch: async function* (revision, signal) {
      try {
        yield* watchAll(client, revision, signal)
      } catch (error) {
        if (lacksLeader(error)) changeMember()
        throw error
      }
    },
    // A lease too many does no harm: it ends by itself.
    grantLease: async (ttlSeconds) => {
      const answer = await read('grantLease', (options) => client.leaseGrant({ TTL: ttlSeconds }, options))
      return answer.ID.toString()
    },
    compact: async (revision) => {
      await write('compact', () => client.compact({ revision }, callOptions))
    },
    close: async () => client.close(),
  }
}

async function* watchAll(client: EtcdClient, revision: number, signal: AbortSignal): AsyncGenerator<StoreEvents> {
  const create = { key: everyKey, rangeEnd: everyKey, startRevision: revision + 1, progressNotify: true }
  for await (const response of client.watch(create, signal, requireLeader)) {
    if (response.canceled) {
      if (response.compactRevision > 0) throw new CompactedError(response.compactRevision)
      throw new Error(`etcd cancelled the watch: ${response.cancelReason}`)
    }
    if (response.created) continue
    yield eventsOf(response)
  }
}

const eventsOf = (response: WatchResponse): StoreEvents => {
  const events = response.events.flatMap(({ type, kv }): StoreEvent[] => {
    if (kv === undefined) return []
    const key = asBuffer(kv.key).toString('utf8')
    return [
      type === eventType.delete
        ? { type: 'delete', key, revision: kv.modRevision }
        : { type: 'put', key, value: asBuffer(kv.value), revision: kv.modRevision },
    ]
  })
  // The header may be ahead of the events that have been sent; only a response without events promises its revision.
  return { revision: events.at(-1)?.revision ?? response.header?.revision ?? 0, events }
}

const translated = (error: unknown): unknown => {
  if (!(error instanceof GrpcError)) return error
  if (error.code === grpcCode.outOfRange) {
    if (error.details.includes('compacted')) return new CompactedError(0)
    if (error.details.includes('future revision')) return new FutureRevisionError()
  }
  if (error.code === grpcCode.deadlineExceeded) {
    return new StatusError('Timeout', 'Timeout: request did not complete within the allotted timeout', { cause: error })
  }
  // Upstream knows no reason for these: their text is what clientv3 makes of them.
  const text = error.details.startsWith('etcdserver: ')
    ? error.details
    : `rpc error: code = ${grpcCodeName(error.code)} desc = ${error.details}`
  return new StatusError('', text, { cause: error })
}

/** A member that is cut off from the others says so; they may well have a leader. */
const lacksLeader = (error: unknown): boolean =>
  error instanceof GrpcError &&
  error.code === grpcCode.unavailable &&
  /^etcdserver: (no leader|request timed out)/.test(error.details)
