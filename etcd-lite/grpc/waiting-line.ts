/**
 * What locks and elections are made of: keys `<name>/<lease>` stand in line by their create revision, and the first
 * one has it. Each goes when its owner deletes it or its lease ends.
 *
 * Upstream: client/v3/concurrency.
 */
import { eventType, type KeyValue, sortOrder, sortTarget } from '../../component-base/etcd/messages.ts'
import type { CallContext } from '../../component-base/grpc/server.ts'
import { GrpcError, grpcCode } from '../../component-base/grpc/status.ts'
import type { LocalClient } from './local-client.ts'

/** Life of a lease that is granted because the request has none, in seconds. */
const defaultTtlSeconds = 60

/** The lease of a request, or a new one. */
export const leaseOf = (client: LocalClient, asked: bigint, call: CallContext): Promise<bigint> =>
  asked === 0n ? client.grantLease(defaultTtlSeconds, call) : Promise.resolve(asked)

export const placeKey = (name: Buffer, lease: bigint): Buffer =>
  Buffer.concat([name, Buffer.from(`/${lease.toString(16)}`)])

export const linePrefix = (name: Buffer): Buffer => Buffer.concat([name, Buffer.from('/')])

/** The end of the range of all keys with a prefix that does not end in 0xff. */
export const prefixEnd = (prefix: Buffer): Buffer => {
  const end = Buffer.from(prefix)
  end.writeUInt8(end.readUInt8(end.length - 1) + 1, end.length - 1)
  return end
}

/** Range request for the first of a line. */
export const firstInLine = (prefix: Buffer) => ({
  key: prefix,
  rangeEnd: prefixEnd(prefix),
  sortOrder: sortOrder.ascend,
  sortTarget: sortTarget.create,
  limit: 1,
})

const lastBefore = (prefix: Buffer, maxCreateRevision: number) => ({
  ...firstInLine(prefix),
  sortOrder: sortOrder.descend,
  maxCreateRevision,
})

/** Events of one key or prefix from a revision on. Ends when the reader does; throws when the watch is canceled. */
export async function* eventsFrom(
  client: LocalClient,
  range: { readonly key: Buffer; readonly rangeEnd?: Buffer; readonly startRevision: number },
  call: CallContext,
): AsyncGenerator<{ readonly deleted: boolean; readonly kv: KeyValue; readonly revision: number }, void, void> {
  const reader = new AbortController()
  const signal = AbortSignal.any([call.signal, reader.signal])
  try {
    for await (const response of client.watch(range, call, signal)) {
      if (response.canceled) throw new GrpcError(grpcCode.unknown, response.cancelReason || 'watch canceled')
      for (const { type, kv } of response.events) {
        if (kv === undefined) continue
        yield { deleted: type === eventType.delete, kv, revision: response.header?.revision ?? kv.modRevision }
      }
    }
  } finally {
    reader.abort()
  }
}

const waitForDeletion = async (
  client: LocalClient,
  key: Buffer,
  startRevision: number,
  call: CallContext,
): Promise<void> => {
  for await (const { deleted } of eventsFrom(client, { key, startRevision }, call)) if (deleted) return
  throw new GrpcError(grpcCode.cancelled, 'context canceled')
}

/** Resolves when no key of the line has a create revision up to `maxCreateRevision`. Rejects when the client goes away. */
export const waitForTurn = async (
  client: LocalClient,
  prefix: Buffer,
  maxCreateRevision: number,
  call: CallContext,
): Promise<void> => {
  // A limit of 0 would be none; nobody stands before the first revision.
  if (maxCreateRevision <= 0) return
  for (;;) {
    const { header, kvs } = await client.range(lastBefore(prefix, maxCreateRevision), call)
    const [last] = kvs
    if (last === undefined) return
    await waitForDeletion(client, last.key, header?.revision ?? 0, call)
  }
}

/**
 * Runs what a lock or election does, with errors as etcd gives them: what its own client met inside has the text, and
 * the code Unknown.
 */
export const asService = async <T>(run: () => Promise<T>): Promise<T> => {
  try {
    return await run()
  } catch (err) {
    if (!(err instanceof GrpcError) || err.code === grpcCode.cancelled) throw err
    throw new GrpcError(grpcCode.unknown, err.details, { cause: err })
  }
}
