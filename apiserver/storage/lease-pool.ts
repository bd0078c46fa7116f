/**
 * Leases for objects that expire (Events). One lease serves the writes of a while: etcd handles few leases better than
 * one per object. Upstream: k8s.io/apiserver/pkg/storage/etcd3/lease_manager.go
 */
import type { Clock } from '../../component-base/clock.ts'

/** A lease is given out for a twentieth of its time, at most a minute: so much longer may an object live. */
const reuseShare = 0.05
const maxReuseSeconds = 60
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
    const reuseSeconds = Math.min(maxReuseSeconds, Math.floor(ttlSeconds * reuseShare))
    const id = grant(ttlSeconds + reuseSeconds)
    const fresh: Lease = { id, until: clock.now() + reuseSeconds * 1000, objects: 1 }
    current.set(ttlSeconds, fresh)
    fresh.id.catch(() => {
      if (current.get(ttlSeconds) === fresh) current.delete(ttlSeconds)
    })
    return fresh.id
  }
}
export type LeasePool = ReturnType<typeof createLeasePool>
