import { lease } from '../../component-base/etcd/service.ts'
import { type Implementation, implementStream, implementUnary } from '../../component-base/grpc/server.ts'
import type { Access } from '../auth/access.ts'
import { quotaCost } from '../backend/quota.ts'
import type { Lessor } from '../lease/lessor.ts'
import type { MvccStore } from '../mvcc/store.ts'
import type { HeaderEncoder } from './identity.ts'
import type { WriteGuard } from './write-guard.ts'

export interface LeaseDeps {
  readonly store: MvccStore
  readonly lessor: Lessor
  readonly access: Access
  readonly header: HeaderEncoder
  readonly guard: WriteGuard
}

/** The Lease service. */
export const leaseService = ({ store, lessor, access, header, guard }: LeaseDeps): Implementation[] => [
  implementUnary(lease.grant, async ({ ID, TTL }, call) => {
    access.writer(call)?.authenticated()
    const granted = await guard.withSpace(quotaCost.leaseGrant, () => {
      guard.checkCorrupt()
      return lessor.grant(ID, TTL)
    })
    return { header: header(store.revision), ID: granted.id, TTL: granted.ttlSeconds }
  }),
  implementUnary(lease.revoke, async ({ ID }, call) => {
    access.writer(call)?.leaseRevoke(ID)
    guard.checkCorrupt()
    await lessor.revoke(ID)
    return { header: header(store.revision) }
  }),
  implementStream(lease.keepAlive, async (call) => {
    for await (const { ID } of call.requests) {
      access.reader(call)?.leaseKeepAlive(ID)
      call.write({ header: header(store.revision), ID, TTL: lessor.keepAlive(ID) })
    }
  }),
  implementUnary(lease.timeToLive, ({ ID, keys }, call) => {
    access.reader(call)?.leaseTimeToLive(ID, keys)
    const found = lessor.timeToLive(ID)
    if (found === undefined) return { header: header(store.revision), ID, TTL: -1 }
    return {
      header: header(store.revision),
      ID,
      TTL: found.remaining,
      grantedTTL: found.granted,
      keys: keys ? found.keys : [],
    }
  }),
  implementUnary(lease.leases, (_, call) => {
    const ids = lessor.list()
    access.reader(call)?.leases(ids)
    return { header: header(store.revision), leases: ids.map((ID) => ({ ID })) }
  }),
]
