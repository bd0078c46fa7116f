/** KeyValueStore over etcd's v3 API. */
import type { EtcdClient } from '../../component-base/etcd/client.ts'
import {
  compareResult,
  compareTarget,
  eventType,
  type KeyValue as EtcdKeyValue,
  type RequestOpInit,
} from '../../component-base/etcd/messages.ts'
import type { WatchResponse } from '../../component-base/etcd/watch-messages.ts'
import { GrpcError, grpcCode } from '../../component-base/grpc/status.ts'
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

const asBuffer = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

const fromEtcd = ({ key, value, modRevision }: EtcdKeyValue): KeyValue => ({
  key: asBuffer(key).toString('utf8'),
  value: asBuffer(value),
  modRevision,
})

const callOptions = { timeoutMs: 30_000 }
/** All keys there are. */
const everyKey = Buffer.from([0])

/** Observes the time of each call under etcd's own name: `etcd_request_duration_seconds`. */
export type ObserveCall = (operation: string, seconds: number) => void

export const createEtcdKeyValue = (client: EtcdClient, root: string, observe: ObserveCall): KeyValueStore => {
  const call = async <T>(operation: string, send: () => Promise<T>): Promise<T> => {
    const start = performance.now()
    try {
      return await send()
    } catch (error) {
      throw translated(error)
    } finally {
      observe(operation, (performance.now() - start) / 1000)
    }
  }
  /** Does `op` if the key's modRevision is as expected, and tells what is there if not. */
  const guarded = async (operation: string, key: string, expected: number, op: RequestOpInit): Promise<WriteResult> => {
    const keyBytes = Buffer.from(key)
    const answer = await call(operation, () =>
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
      const answer = await call('get', () => client.range({ key: Buffer.from(key) }, callOptions))
      const [found] = answer.kvs
      return { current: found === undefined ? undefined : fromEtcd(found), revision: answer.header?.revision ?? 0 }
    },
    list: async ({ start, end, limit = 0, revision = 0 }) => {
      const answer = await call('list', () =>
        client.range({ key: Buffer.from(start), rangeEnd: Buffer.from(end), limit, revision }, callOptions),
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
      const answer = await call('getCurrentRevision', () => client.range({ key: probe, countOnly: true }, callOptions))
      return answer.header?.revision ?? 0
    },
    watch: (revision, signal) => watchAll(client, revision, signal),
    grantLease: async (ttlSeconds) => {
      const answer = await call('grantLease', () => client.leaseGrant({ TTL: ttlSeconds }, callOptions))
      return answer.ID.toString()
    },
    compact: async (revision) => {
      await call('compact', () => client.compact({ revision }, callOptions))
    },
    close: async () => client.close(),
  }
}

async function* watchAll(client: EtcdClient, revision: number, signal: AbortSignal): AsyncGenerator<StoreEvents> {
  const create = { key: everyKey, rangeEnd: everyKey, startRevision: revision + 1, progressNotify: true }
  for await (const response of client.watch(create, signal)) {
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
  return new StatusError('InternalError', `Internal error occurred: etcd: ${error.details}`, { cause: error })
}
