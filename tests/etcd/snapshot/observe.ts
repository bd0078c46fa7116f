/** All that clients can see of a store, to be compared with another's. */
import { maintenance, lease as leaseService } from '../../../component-base/etcd/service.ts'
import { GrpcChannel } from '../../../component-base/grpc/client.ts'
import type { TestEtcd } from '../../harness/etcd.ts'

const all = { key: Buffer.from([0]), rangeEnd: Buffer.from([0]) }
/** Revisions before the newest that are looked at. */
const depth = 12

const readHash = async (
  { endpoint }: TestEtcd,
  revision: number,
): Promise<{ readonly hash: number; readonly compactRevision: number }> => {
  const channel = new GrpcChannel({ endpoints: [endpoint] })
  try {
    return await channel.unary(maintenance.hashKv, { revision })
  } finally {
    channel.close()
  }
}

/** Its HashKV at a revision; 0 is the newest. */
export const hashKv = async (etcd: TestEtcd, revision: number): Promise<number> => (await readHash(etcd, revision)).hash

const keysAt = async ({ client }: TestEtcd, revision: number): Promise<unknown> => {
  const { kvs, count } = await client.range({ ...all, revision })
  return {
    count,
    kvs: kvs.map(({ key, createRevision, modRevision, version, lease, value }) => [
      key.toString(),
      createRevision,
      modRevision,
      version,
      lease,
      value.toString('base64'),
    ]),
  }
}

const leases = async ({ endpoint, client }: TestEtcd): Promise<unknown> => {
  const channel = new GrpcChannel({ endpoints: [endpoint] })
  try {
    const { leases: list } = await channel.unary(leaseService.leases, {})
    const ids = list.map(({ ID }) => ID).toSorted((a, b) => (a < b ? -1 : 1))
    const found: unknown[] = []
    for (const id of ids) {
      const { grantedTTL, keys } = await client.leaseTimeToLive(id, true)
      found.push([id, grantedTTL, keys.map(String).toSorted()])
    }
    return found
  } finally {
    channel.close()
  }
}

/** Keys, versions and hashes of the newest revisions, and leases. */
export const observe = async (etcd: TestEtcd): Promise<Readonly<Record<string, unknown>>> => {
  const { header } = await etcd.client.range({ key: Buffer.from('x') })
  const revision = header?.revision ?? 0
  const { hash: newest, compactRevision } = await readHash(etcd, 0)
  const history: unknown[] = []
  // 3.4 has no hash of the compacted revision itself.
  for (let at = revision; at > Math.max(revision - depth, compactRevision, 0); at--) {
    history.push({ at, keys: await keysAt(etcd, at), hash: await hashKv(etcd, at) })
  }
  return { revision, newest, compactRevision, history, leases: await leases(etcd) }
}
