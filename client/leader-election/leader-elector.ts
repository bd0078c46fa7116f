/** Leader election by a Lease: of several processes only the one that holds it works. Upstream: client-go's LeaseLock. */
import { isReason } from '../../api/meta/status-error.ts'
import { microTime } from '../../api/meta/time.ts'
import { leases } from '../../api/resources.ts'
import type { Lease } from '../../api/types.ts'
import { type Clock, realClock, sleep } from '../../component-base/clock.ts'
import type { Logger } from '../../component-base/logging/logger.ts'
import { jitter } from '../../component-base/random.ts'
import type { RestClient } from '../rest/rest-client.ts'

export interface LeaderElectionOptions {
  readonly client: RestClient
  readonly name: string
  readonly namespace: string
  /** Unique to this process. */
  readonly identity: string
  readonly leaseDurationMs: number
  readonly renewDeadlineMs: number
  readonly retryPeriodMs: number
  readonly signal: AbortSignal
  /** The work of the leader; its signal is aborted when leadership ends, and it then returns. */
  readonly onStartedLeading: (signal: AbortSignal) => Promise<void>
  readonly onNewLeader?: (identity: string) => void
  readonly log?: Logger
  readonly clock?: Clock
}

/** The Lease could not be renewed in time: somebody else may lead. The process should end and start over. */
export class LeadershipLostError extends Error {
  override readonly name = 'LeadershipLostError'
}

/** What was last seen of the Lease, and when: clocks of other machines are not trusted. */
interface Observation {
  readonly version: string
  readonly at: number
}

/** Waits for the Lease, works while it can be renewed, releases it when `signal` is aborted. Throws LeadershipLostError. */
export const runLeaderElection = async (options: LeaderElectionOptions): Promise<void> => {
  const { client, name, namespace, identity, signal, clock = realClock } = options
  let observed: Observation | undefined
  let leader = ''

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

  const noteLeader = (holder: string): void => {
    if (holder === leader || holder === '') return
    leader = holder
    options.onNewLeader?.(holder)
  }

  /** True if the Lease is ours now. */
  const acquireOrRenew = async (): Promise<boolean> => {
    const timeoutMs = options.renewDeadlineMs
    let lease: Lease
    try {
      lease = await client.get(leases, name, namespace, { timeoutMs })
    } catch (error) {
      if (!isReason(error, 'NotFound')) throw error
      await client.create(leases, { metadata: { name, namespace }, spec: specOf(undefined) } as Lease, { timeoutMs })
      noteLeader(identity)
      return true
    }
    const holder = lease.spec?.holderIdentity ?? ''
    noteLeader(holder)
    const version = lease.metadata?.resourceVersion ?? ''
    if (observed?.version !== version) observed = { version, at: clock.now() }
    const validMs = (lease.spec?.leaseDurationSeconds ?? 0) * 1000
    if (holder !== '' && holder !== identity && clock.now() < observed.at + validMs) return false
    const updated = await client.update(leases, { ...lease, spec: specOf(lease) } as Lease, { timeoutMs })
    observed = { version: updated.metadata?.resourceVersion ?? '', at: clock.now() }
    noteLeader(identity)
    return true
  }

  const attempt = async (): Promise<boolean> => {
    try {
      return await acquireOrRenew()
    } catch (err) {
      options.log?.debug({ err, lease: `${namespace}/${name}` }, 'lease not updated')
      return false
    }
  }

  const release = async (): Promise<void> => {
    try {
      const lease = await client.get(leases, name, namespace, { timeoutMs: 2_000 })
      if (lease.spec?.holderIdentity !== identity) return
      const spec = { ...lease.spec, holderIdentity: '', leaseDurationSeconds: 1, renewTime: microTime(clock.now()) }
      await client.update(leases, { ...lease, spec } as Lease, { timeoutMs: 2_000 })
    } catch (err) {
      options.log?.debug({ err }, 'lease not released: it will expire')
    }
  }

  while (!(await attempt())) {
    await sleep(jitter(options.retryPeriodMs, 0.2), signal).catch(() => undefined)
    if (signal.aborted) return
  }
  if (signal.aborted) return release()
  const leading = new AbortController()
  const stopLeading = (): void => leading.abort(signal.reason)
  signal.addEventListener('abort', stopLeading, { once: true })
  const work = options.onStartedLeading(leading.signal)
  let workEnded = false
  const ended = work.finally(() => {
    workEnded = true
    leading.abort()
  })
  ended.catch(() => undefined) // awaited below
  let renewedAt = clock.now()
  while (!signal.aborted && !workEnded) {
    await sleep(options.retryPeriodMs, leading.signal).catch(() => undefined)
    if (signal.aborted || workEnded) break
    if (await attempt()) renewedAt = clock.now()
    else if (clock.now() - renewedAt > options.renewDeadlineMs) {
      const lost = new LeadershipLostError(`lease ${namespace}/${name} was not renewed in time`)
      leading.abort(lost)
      throw lost
    }
  }
  try {
    await ended
  } finally {
    await release()
  }
}
