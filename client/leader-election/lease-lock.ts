/** The Lease that stands for leadership: taken, renewed, given back. Upstream: client-go's LeaseLock. */
import { isReason } from '../../api/meta/status-error.ts'
import { microTime } from '../../api/meta/time.ts'
import { leases } from '../../api/resources.ts'
import type { Lease } from '../../api/types.ts'
import type { Clock } from '../../component-base/clock.ts'
import type { RestClient } from '../rest/rest-client.ts'

export interface LeaseLockOptions {
  readonly client: RestClient
  readonly name: string
  readonly namespace: string
  /** Unique to this process. */
  readonly identity: string
  readonly leaseDurationMs: number
  readonly clock: Clock
  /** Told each time the holder changes. */
  readonly onNewLeader: (identity: string) => void
}

export interface LeaseLock {
  /** True if the Lease is ours now; false if somebody else holds it. Throws what the API server answered. */
  readonly acquireOrRenew: (timeoutMs: number) => Promise<boolean>
  /** Lets the next one take over at once, if the Lease is still ours. */
  readonly release: () => Promise<void>
}

const releaseTimeoutMs = 2_000

export const createLeaseLock = ({ client, name, namespace, identity, ...options }: LeaseLockOptions): LeaseLock => {
  const { clock } = options
  /** When a version of the Lease was first seen: clocks of other machines are not trusted. */
  let observed = { version: '', at: 0 }
  /** What we wrote last: as long as nobody else writes, it is renewed without being read. */
  let held: Lease | undefined
  let leader = ''

  const noteLeader = (holder: string): void => {
    if (holder === leader || holder === '') return
    leader = holder
    options.onNewLeader(holder)
  }

  const specOf = (old: Lease | undefined): Lease['spec'] => {
    const now = microTime(clock.now())
    const isMine = old?.spec?.holderIdentity === identity
    return {
      holderIdentity: identity,
      leaseDurationSeconds: Math.ceil(options.leaseDurationMs / 1000),
      renewTime: now,
      acquireTime: isMine ? (old.spec?.acquireTime ?? now) : now,
      leaseTransitions: (old?.spec?.leaseTransitions ?? 0) + (isMine || old === undefined ? 0 : 1),
    }
  }

  const taken = (lease: Lease): true => {
    held = lease
    noteLeader(identity)
    return true
  }

  const write = async (old: Lease, timeoutMs: number): Promise<true> => {
    held = undefined
    return taken(await client.update(leases, { ...old, spec: specOf(old) } as Lease, { timeoutMs }))
  }

  /** Undefined if the Lease is not as we wrote it. */
  const renewHeld = async (timeoutMs: number): Promise<true | undefined> => {
    if (held === undefined) return undefined
    try {
      return await write(held, timeoutMs)
    } catch (error) {
      if (isReason(error, 'Conflict', 'NotFound')) return undefined
      throw error
    }
  }

  const read = async (timeoutMs: number): Promise<Lease | undefined> => {
    try {
      return await client.get(leases, name, namespace, { timeoutMs })
    } catch (error) {
      if (isReason(error, 'NotFound')) return undefined
      throw error
    }
  }

  return {
    acquireOrRenew: async (timeoutMs) => {
      const startedAt = clock.now()
      const leftMs = (): number => Math.max(1, startedAt + timeoutMs - clock.now())
      if ((await renewHeld(timeoutMs)) === true) return true
      const lease = await read(leftMs())
      if (lease === undefined) {
        const first = { metadata: { name, namespace }, spec: specOf(undefined) } as Lease
        return taken(await client.create(leases, first, { timeoutMs: leftMs() }))
      }
      const holder = lease.spec?.holderIdentity ?? ''
      const version = lease.metadata?.resourceVersion ?? ''
      if (observed.version !== version) observed = { version, at: clock.now() }
      noteLeader(holder)
      const validMs = (lease.spec?.leaseDurationSeconds ?? 0) * 1000
      if (holder !== '' && holder !== identity && clock.now() < observed.at + validMs) return false
      return write(lease, leftMs())
    },
    release: async () => {
      const lease = held ?? (await read(releaseTimeoutMs))
      held = undefined
      if (lease?.spec?.holderIdentity !== identity) return
      const spec = { ...lease.spec, holderIdentity: '', leaseDurationSeconds: 1, renewTime: microTime(clock.now()) }
      await client.update(leases, { ...lease, spec } as Lease, { timeoutMs: releaseTimeoutMs })
    },
  }
}
