/** The v3election service. Upstream: server/etcdserver/api/v3election. */
import { election, type LeaderKey } from '../../component-base/etcd/concurrency-messages.ts'
import { compareResult, compareTarget, type KeyValue, type ResponseHeader } from '../../component-base/etcd/messages.ts'
import {
  type CallContext,
  type Implementation,
  implementStream,
  implementUnary,
} from '../../component-base/grpc/server.ts'
import { GrpcError, grpcCode } from '../../component-base/grpc/status.ts'
import type { LocalClient } from './local-client.ts'
import {
  asService,
  eventsFrom,
  firstInLine,
  leaseOf,
  linePrefix,
  placeKey,
  prefixEnd,
  waitForTurn,
} from './waiting-line.ts'

type Leadership = Pick<LeaderKey, 'key' | 'rev' | 'lease'>

interface Leader {
  readonly header: ResponseHeader | undefined
  readonly kv: KeyValue
}

const isStill = ({ key, rev }: Pick<Leadership, 'key' | 'rev'>) => ({
  key,
  target: compareTarget.create,
  result: compareResult.equal,
  createRevision: rev,
})

const proclaim = async (client: LocalClient, leadership: Leadership, value: Buffer, call: CallContext) => {
  const { key, lease } = leadership
  const put = { requestPut: { key, value, lease } }
  const { header, succeeded } = await client.txn({ compare: [isStill(leadership)], success: [put] }, call)
  if (!succeeded) throw new GrpcError(grpcCode.unknown, 'election: not leader')
  return { header }
}

const resign = async (client: LocalClient, leadership: Leadership, call: CallContext) => {
  const remove = { requestDeleteRange: { key: leadership.key } }
  const { header } = await client.txn({ compare: [isStill(leadership)], success: [remove] }, call)
  return { header }
}

/** Stands for election with a value; one who stood with the same lease already has a new value from now on. */
const standForElection = async (
  client: LocalClient,
  { name, lease, value }: { readonly name: Buffer; readonly lease: bigint; readonly value: Buffer },
  call: CallContext,
) => {
  const key = placeKey(name, lease)
  const { header, succeeded, responses } = await client.txn(
    {
      compare: [isStill({ key, rev: 0 })],
      success: [{ requestPut: { key, value, lease } }],
      failure: [{ requestRange: { key } }],
    },
    call,
  )
  const before = succeeded ? undefined : responses[0]?.responseRange?.kvs[0]
  const leadership = { key, rev: before?.createRevision ?? header?.revision ?? 0, lease }
  if (before !== undefined && !before.value.equals(value)) {
    try {
      await proclaim(client, leadership, value, call)
    } catch (err) {
      await resign(client, leadership, call)
      throw err
    }
  }
  return { header, leadership }
}

/** The leader, or the first one to come. */
const nextLeader = async (client: LocalClient, prefix: Buffer, call: CallContext): Promise<Leader | undefined> => {
  const { header, kvs } = await client.range(firstInLine(prefix), call)
  const [kv] = kvs
  if (kv !== undefined) return { header, kv }
  const range = { key: prefix, rangeEnd: prefixEnd(prefix), startRevision: header?.revision ?? 0 }
  for await (const event of eventsFrom(client, range, call)) {
    if (event.deleted || header === undefined) continue
    return { header: { ...header, revision: event.kv.modRevision }, kv: event.kv }
  }
  return undefined
}

/** Each leader and each of its proclamations, in order, as long as the client listens. */
async function* leaders(client: LocalClient, name: Buffer, call: CallContext): AsyncGenerator<Leader, void, void> {
  for (;;) {
    const leader = await nextLeader(client, linePrefix(name), call)
    if (leader === undefined) return
    yield leader
    const { header, kv } = leader
    const range = { key: kv.key, startRevision: (header?.revision ?? 0) + 1 }
    for await (const event of eventsFrom(client, range, call)) {
      if (event.deleted) break
      yield { header: header && { ...header, revision: event.revision }, kv: event.kv }
    }
    if (call.signal.aborted) return
  }
}

const given = (leader: LeaderKey | undefined): LeaderKey => {
  if (leader === undefined) throw new GrpcError(grpcCode.unknown, '"leader" field must be provided')
  return leader
}

export const electionService = (client: LocalClient): Implementation[] => [
  implementUnary(election.campaign, ({ name, lease: asked, value }, call) =>
    asService(async () => {
      const lease = await leaseOf(client, asked, call)
      const { header, leadership } = await standForElection(client, { name, lease, value }, call)
      try {
        await waitForTurn(client, linePrefix(name), leadership.rev - 1, call)
      } catch (err) {
        if (call.signal.aborted) await resign(client, leadership, call)
        throw err
      }
      return { header, leader: { name, ...leadership } }
    }),
  ),
  implementUnary(election.proclaim, ({ leader, value }, call) =>
    asService(() => proclaim(client, given(leader), value, call)),
  ),
  implementUnary(election.leader, ({ name }, call) =>
    asService(async () => {
      const { header, kvs } = await client.range(firstInLine(linePrefix(name)), call)
      const [kv] = kvs
      if (kv === undefined) throw new GrpcError(grpcCode.unknown, 'election: no leader')
      return { header, kv }
    }),
  ),
  implementStream(election.observe, (call) =>
    asService(async () => {
      for await (const { name } of call.requests) {
        for await (const leader of leaders(client, name, call)) {
          call.write(leader)
          await call.drained()
        }
        return
      }
    }),
  ),
  implementUnary(election.resign, ({ leader }, call) => asService(() => resign(client, given(leader), call))),
]
