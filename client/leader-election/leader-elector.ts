/**
 * Leader election: of several processes only the one that holds the Lease works.
 *
 * Flow: try to take the Lease every `retryPeriodMs`; when it is ours, start the work and renew every `retryPeriodMs`;
 * when the signal is aborted, let the work end, then give the Lease back.
 * Guarantee: a leader that could not renew for `renewDeadlineMs` stops before anybody else may start, which is
 * `leaseDurationMs` after its last renewal. Caveat: work that ignores its signal breaks the guarantee, so the caller
 * should end the process on LeadershipLostError. Upstream: client-go's leaderelection.
 */
import type { Lease } from '../../api/types.ts'
import { Backoff } from '../../component-base/backoff.ts'
import { type Clock, realClock, sleep } from '../../component-base/clock.ts'
import type { Logger } from '../../component-base/logging/logger.ts'
import { jitter } from '../../component-base/random.ts'
import type { EventRecorder } from '../events/event-recorder.ts'
import type { RestClient } from '../rest/rest-client.ts'
import { createLeaseLock } from './lease-lock.ts'

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
  readonly recorder?: EventRecorder
  readonly log?: Logger
  readonly clock?: Clock
}

/** The Lease could not be renewed in time: somebody else may lead. The process should end and start over. */
export class LeadershipLostError extends Error {
  override readonly name = 'LeadershipLostError'
}

/** Waits for the Lease, works while it can be renewed, releases it when `signal` is aborted. Throws LeadershipLostError. */
export const runLeaderElection = async (options: LeaderElectionOptions): Promise<void> => {
  const { namespace, name, identity, signal, log, clock = realClock } = options
  const lease = `${namespace}/${name}`
  const lock = createLeaseLock({
    ...options,
    clock,
    onNewLeader: (holder) => {
      if (holder !== identity) log?.info({ lease, leader: holder }, 'another one leads')
      options.onNewLeader?.(holder)
    },
  })

  const attempt = async (timeoutMs: number): Promise<'ours' | 'held' | 'failed'> => {
    try {
      return (await lock.acquireOrRenew(timeoutMs)) ? 'ours' : 'held'
    } catch (err) {
      log?.debug({ err, lease }, 'lease not updated')
      return 'failed'
    }
  }

  const pause = (ms: number, until: AbortSignal): Promise<void> => sleep(ms, until, clock).catch(() => undefined)

  const release = (): Promise<void> =>
    lock.release().catch((err: unknown) => log?.debug({ err, lease }, 'lease not released: it will expire'))

  const tell = (what: string): void =>
    options.recorder?.event(
      { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { namespace, name } } as Lease,
      'Normal',
      'LeaderElection',
      `${identity} ${what}`,
    )

  let renewedAt = clock.now()
  // A cluster that starts has its API server in a moment; who holds a Lease holds it for longer.
  const starting = new Backoff({ initialMs: Math.min(100, options.retryPeriodMs), maxMs: options.retryPeriodMs })
  for (let outcome = await attempt(options.renewDeadlineMs); outcome !== 'ours'; ) {
    if (signal.aborted) return
    await pause(outcome === 'failed' ? starting.next() : jitter(options.retryPeriodMs, 0.2), signal)
    if (signal.aborted) return
    renewedAt = clock.now()
    outcome = await attempt(options.renewDeadlineMs)
  }
  if (signal.aborted) return release()

  log?.info({ lease, identity }, 'acquired lease')
  tell('became leader')
  const leading = new AbortController()
  const stopLeading = (): void => leading.abort(signal.reason)
  signal.addEventListener('abort', stopLeading, { once: true })
  let workEnded = false
  const work = options.onStartedLeading(leading.signal).finally(() => {
    workEnded = true
    leading.abort()
  })
  work.catch(() => undefined) // awaited below

  while (!leading.signal.aborted) {
    await pause(options.retryPeriodMs, leading.signal)
    if (leading.signal.aborted) break
    const startedAt = clock.now()
    const leftMs = renewedAt + options.renewDeadlineMs - startedAt
    if (leftMs > 0 && (await attempt(leftMs)) === 'ours') renewedAt = startedAt
    else if (!workEnded && !signal.aborted && clock.now() - renewedAt >= options.renewDeadlineMs) {
      tell('stopped leading')
      const lost = new LeadershipLostError(`leader election lost: lease ${lease} was not renewed in time`)
      leading.abort(lost)
      throw lost
    }
  }
  try {
    await work
  } finally {
    signal.removeEventListener('abort', stopLeading)
    await release()
  }
}
