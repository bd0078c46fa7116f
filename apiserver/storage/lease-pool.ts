/**
 * Leases for objects that expire (Events). One lease serves the writes of a minute: etcd handles few leases better
 * than one per object. Upstream: k8s.io/apiserver/pkg/storage/etcd3/lease_manager.go
 */
import type { Clock } from '../../component-base/clock.ts'

const reuseMs = 60_000
const maxObjectsPerLease = 1000

interface Lease {
  readonly id: Promise<string>
  readonly until: number
  objects: number
}

export const createLeasePool = (grant: (ttlSeconds: number) => Promise<string>, clock: Clock) => {
  const current = new Map<number, Lease>()
  /** Id of a lease that lives at least `ttlSeconds` from now. */
  return async (ttlSeconds: number): Promise<string> => {
    const lease = current.get(ttlSeconds)
    if (lease !== undefined && clock.now() < lease.until && lease.objects < maxObjectsPerLease) {
      lease.objects++
      return lease.id
    }
    const fresh: Lease = { id: grant(ttlSeconds + reuseMs / 1000), until: clock.now() + reuseMs, objects: 1 }
    current.set(ttlSeconds, fresh)
    fresh.id.catch(() => {
      if (current.get(ttlSeconds) === fresh) current.delete(ttlSeconds)
    })
    return fresh.id
  }
}
export type LeasePool = ReturnType<typeof createLeasePool>
