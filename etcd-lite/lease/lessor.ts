/**
 * Leases: granted with a time to live, kept alive by their owners, revoked with all their keys when they run out.
 *
 * Grants and revocations are on the disk before they are acknowledged; renewals are in memory only, so after a restart
 * every lease has its full time to live again, as in etcd.
 */
import { exponentialBounds, PlainHistogram } from '../../component-base/metrics/histogram.ts'
import type { Backend } from '../backend/backend.ts'
import type { LeaseRegistry } from '../mvcc/change.ts'
import { etcdError } from '../mvcc/errors.ts'
import { keyBytes } from '../mvcc/key-range.ts'
import { allLeases, leaseIdOfKey, leaseKey, sealed, unsealed } from '../mvcc/records.ts'
import type { MvccStore } from '../mvcc/store.ts'
import { ExpiryQueue } from './expiry-queue.ts'

export interface Lease {
  readonly id: bigint
  readonly ttlSeconds: number
  readonly keys: Set<string>
  /** On the monotonic clock. */
  expiresAtMs: number
}

/** A clock that never goes back, and its timers. */
export interface MonotonicClock {
  now(): number
  setTimeout(callback: () => void, ms: number): NodeJS.Timeout
  clearTimeout(timer: NodeJS.Timeout | undefined): void
}

export const monotonicClock: MonotonicClock = {
  now: () => performance.now(),
  setTimeout: (callback, ms) => setTimeout(callback, ms).unref(),
  clearTimeout: (timer) => clearTimeout(timer),
}

/** etcd's bounds: the least is one and a half election timeouts (1 s), rounded up. */
const minTtlSeconds = 2
const maxTtlSeconds = 9_000_000_000
/** Timers do not reach further; the queue is looked at again then. */
const maxTimerMs = 60 * 60 * 1000
/** Least time between two looks at the queue, so that leases that run out together are revoked together. */
const minTimerMs = 20
/** The same while leases are kept although they ran out. */
const frozenTimerMs = 1000

/** What happened to leases since the start. */
export interface LeaseCounts {
  granted: number
  revoked: number
  renewed: number
  expired: number
}

export class Lessor implements LeaseRegistry {
  readonly counts: LeaseCounts = { granted: 0, revoked: 0, renewed: 0, expired: 0 }
  /** Seconds that leases were granted for. */
  readonly ttls = new PlainHistogram(exponentialBounds(1, 2, 24))
  readonly #clock: MonotonicClock
  readonly #leases = new Map<bigint, Lease>()
  readonly #expiry = new ExpiryQueue<Lease>()
  #store: MvccStore | undefined
  #frozen: () => boolean = () => false
  #timer: NodeJS.Timeout | undefined

  constructor(clock: MonotonicClock = monotonicClock) {
    this.#clock = clock
  }

  /** Reads the leases of the backend; comes before the store is opened, which attaches keys. */
  async restore(backend: Backend): Promise<void> {
    for await (const chunk of backend.scan(allLeases)) {
      for (const [key, record] of chunk) this.#add(leaseIdOfKey(key), Number(unsealed(record).readBigInt64BE()))
    }
  }

  /** Begins to revoke leases that run out; while `frozen` says so they stay. */
  start(store: MvccStore, { frozen = () => false }: { readonly frozen?: () => boolean } = {}): void {
    this.#store = store
    this.#frozen = frozen
    this.#schedule()
  }

  stop(): void {
    this.#clock.clearTimeout(this.#timer)
    this.#store = undefined
  }

  has(id: bigint): boolean {
    return this.#leases.has(id)
  }

  attach(id: bigint, key: string): void {
    this.#leases.get(id)?.keys.add(key)
  }

  detach(id: bigint, key: string): void {
    this.#leases.get(id)?.keys.delete(key)
  }

  /** The keys attached to a lease; none if it does not exist. */
  keysOf(id: bigint): Iterable<string> {
    return this.#leases.get(id)?.keys ?? []
  }

  list(): bigint[] {
    return [...this.#leases.values()].toSorted((a, b) => a.expiresAtMs - b.expiresAtMs).map(({ id }) => id)
  }

  /** Makes a lease; an id of 0 lets the server choose. */
  async grant(askedId: bigint, ttlSeconds: number): Promise<Lease> {
    const store = this.#running()
    if (ttlSeconds > maxTtlSeconds) throw etcdError('leaseTtlTooLarge')
    if (askedId !== 0n && this.#leases.has(askedId)) throw etcdError('leaseExists')
    const id = askedId === 0n ? this.#freshId() : askedId
    const lease = this.#add(id, Math.max(ttlSeconds, minTtlSeconds))
    const payload = Buffer.alloc(8)
    payload.writeBigInt64BE(BigInt(lease.ttlSeconds))
    await store.writeRecords([{ type: 'put', key: leaseKey(id), value: sealed(payload) }])
    this.#schedule()
    this.counts.granted++
    this.ttls.observe(lease.ttlSeconds)
    return lease
  }

  /** Ends a lease and deletes its keys, in one revision. Throws when there is none. */
  async revoke(id: bigint): Promise<void> {
    const store = this.#running()
    const lease = this.#leases.get(id)
    if (lease === undefined) throw etcdError('leaseNotFound')
    await store.write((tx) => {
      for (const key of [...lease.keys].toSorted()) tx.deleteRange({ type: 'key', key })
      this.#leases.delete(id)
      this.counts.revoked++
      tx.ops.push({ type: 'del', key: leaseKey(id) })
    })
  }

  /** Gives a lease its full time again; returns the seconds granted, 0 when there is no such lease. */
  keepAlive(id: bigint): number {
    const lease = this.#leases.get(id)
    if (lease === undefined) return 0
    this.counts.renewed++
    lease.expiresAtMs = this.#clock.now() + lease.ttlSeconds * 1000
    return lease.ttlSeconds
  }

  /** What is left of a lease; undefined when there is none. */
  timeToLive(
    id: bigint,
  ): { readonly remaining: number; readonly granted: number; readonly keys: Buffer[] } | undefined {
    const lease = this.#leases.get(id)
    if (lease === undefined) return undefined
    const remaining = Math.floor((lease.expiresAtMs - this.#clock.now()) / 1000)
    return { remaining, granted: lease.ttlSeconds, keys: [...lease.keys].toSorted().map(keyBytes) }
  }

  #add(id: bigint, ttlSeconds: number): Lease {
    const lease: Lease = { id, ttlSeconds, keys: new Set(), expiresAtMs: this.#clock.now() + ttlSeconds * 1000 }
    this.#leases.set(id, lease)
    this.#expiry.push(lease, lease.expiresAtMs)
    return lease
  }

  /** 63 random bits, as clients print them as positive hexadecimal numbers. */
  #freshId(): bigint {
    for (;;) {
      const [word = 0n] = crypto.getRandomValues(new BigUint64Array(1))
      const id = BigInt.asUintN(63, word)
      if (id !== 0n && !this.#leases.has(id)) return id
    }
  }

  #running(): MvccStore {
    if (this.#store === undefined) throw etcdError('stopped')
    return this.#store
  }

  #schedule(): void {
    this.#clock.clearTimeout(this.#timer)
    const next = this.#expiry.nextTime
    if (next === undefined || this.#store === undefined) return
    const least = this.#frozen() ? frozenTimerMs : minTimerMs
    const wait = Math.min(maxTimerMs, Math.max(least, next - this.#clock.now()))
    this.#timer = this.#clock.setTimeout(() => this.#revokeExpired(), wait)
  }

  #revokeExpired(): void {
    const now = this.#clock.now()
    while (!this.#frozen()) {
      const lease = this.#expiry.takeUntil(now)
      if (lease === undefined) break
      if (this.#leases.get(lease.id) !== lease) continue // revoked meanwhile
      if (lease.expiresAtMs > now) this.#expiry.push(lease, lease.expiresAtMs)
      else this.#expire(lease.id)
    }
    this.#schedule()
  }

  #expire(id: bigint): void {
    this.counts.expired++
    this.revoke(id).catch(() => {}) // only when the store has failed, which ends the process
  }
}
