/** The v3lock service. Upstream: server/etcdserver/api/v3lock. */
import { lock } from '../../component-base/etcd/concurrency-messages.ts'
import { compareResult, compareTarget } from '../../component-base/etcd/messages.ts'
import { type CallContext, type Implementation, implementUnary } from '../../component-base/grpc/server.ts'
import { GrpcError, grpcCode } from '../../component-base/grpc/status.ts'
import type { LocalClient } from './local-client.ts'
import { asService, firstInLine, leaseOf, linePrefix, placeKey, waitForTurn } from './waiting-line.ts'

/** Takes a place in line; the same lease twice has one place. */
const takePlace = async (client: LocalClient, key: Buffer, lease: bigint, name: Buffer, call: CallContext) => {
  const owner = { requestRange: firstInLine(linePrefix(name)) }
  const { header, succeeded, responses } = await client.txn(
    {
      compare: [{ key, target: compareTarget.create, result: compareResult.equal, createRevision: 0 }],
      success: [{ requestPut: { key, lease } }, owner],
      failure: [{ requestRange: { key } }, owner],
    },
    call,
  )
  const mine = succeeded ? header?.revision : responses[0]?.responseRange?.kvs[0]?.createRevision
  const first = responses[1]?.responseRange?.kvs[0]?.createRevision
  return { header, revision: mine ?? 0, hasLock: first === undefined || first === mine }
}

export const lockService = (client: LocalClient): Implementation[] => [
  implementUnary(lock.lock, ({ name, lease: asked }, call) =>
    asService(async () => {
      const lease = await leaseOf(client, asked, call)
      const key = placeKey(name, lease)
      const { header, revision, hasLock } = await takePlace(client, key, lease, name, call)
      if (hasLock) return { header, key }
      try {
        await waitForTurn(client, linePrefix(name), revision - 1, call)
      } catch (err) {
        await client.deleteRange({ key }, call) // nobody is to wait for one who went away
        throw err
      }
      const own = await client.range({ key }, call)
      if (own.kvs.length === 0) throw new GrpcError(grpcCode.unknown, 'mutex: session is expired')
      return { header: own.header, key }
    }),
  ),
  implementUnary(lock.unlock, ({ key }, call) =>
    asService(async () => ({ header: (await client.deleteRange({ key }, call)).header })),
  ),
]
