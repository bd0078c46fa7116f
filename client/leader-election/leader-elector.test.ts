import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { leases } from '../../api/resources.ts'
import { alreadyExists, notFound, staleObject, StatusError } from '../../api/meta/status-error.ts'
import type { Lease } from '../../api/types.ts'
import type { RestClient } from '../rest/rest-client.ts'
import { FakeClock } from '../testing/fake-clock.ts'
import { LeadershipLostError, runLeaderElection } from './leader-elector.ts'

/** One stored Lease with optimistic concurrency; `down` makes every call fail. */
const aLeaseServer = () => {
  const server = { lease: undefined as Lease | undefined, version: 0, down: false, reads: 0 }
  const store = (lease: Lease): Lease => {
    server.lease = { ...lease, metadata: { ...lease.metadata, resourceVersion: String(++server.version) } }
    return server.lease
  }
  const call = async (act: () => Lease): Promise<Lease> => {
    if (server.down) throw new StatusError('ServiceUnavailable', 'down')
    return structuredClone(act())
  }
  const client = {
    get: () => {
      server.reads++
      return call(() => {
        if (server.lease === undefined) throw notFound(leases, 'l')
        return server.lease
      })
    },
    create: (_: unknown, lease: Lease) =>
      call(() => {
        if (server.lease !== undefined) throw alreadyExists(leases, 'l')
        return store(lease)
      }),
    update: (_: unknown, lease: Lease) =>
      call(() => {
        if (lease.metadata?.resourceVersion !== server.lease?.metadata?.resourceVersion) throw staleObject(leases, 'l')
        return store(lease)
      }),
  } as unknown as RestClient
  return { server, client }
}

const elect = (client: RestClient, clock: FakeClock, identity: string) => {
  const stop = new AbortController()
  const state = { leading: false, outcome: 'running' as unknown }
  const done = runLeaderElection({
    client,
    clock,
    identity,
    name: 'l',
    namespace: 'kube-system',
    leaseDurationMs: 15_000,
    renewDeadlineMs: 10_000,
    retryPeriodMs: 2_000,
    signal: stop.signal,
    onStartedLeading: async (signal) => {
      state.leading = true
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
      state.leading = false
    },
  }).then(
    () => (state.outcome = 'ended'),
    (error: unknown) => (state.outcome = error),
  )
  return { state, stop, done }
}

describe('leader election', () => {
  it('lets exactly one lead', async () => {
    const { server, client } = aLeaseServer()
    const clock = new FakeClock()
    const [a, b] = [elect(client, clock, 'a'), elect(client, clock, 'b')]
    await clock.advance(60_000)
    assert.deepEqual([a.state.leading, b.state.leading], [true, false])
    assert.equal(server.lease?.spec?.holderIdentity, 'a')
    assert.equal(server.lease?.spec?.leaseTransitions, 0)
    assert.match(String(server.lease?.spec?.renewTime), /^2026-01-01T00:0\d:\d\d\.\d{6}Z$/)
  })

  it('renews without reading', async () => {
    const { server, client } = aLeaseServer()
    const clock = new FakeClock()
    const a = elect(client, clock, 'a')
    await clock.advance(60_000)
    assert.ok(a.state.leading)
    assert.equal(server.reads, 1)
    assert.ok(server.version >= 29)
  })

  it('takes over from a leader that died, but not before its lease ran out', async () => {
    const { server, client } = aLeaseServer()
    const clock = new FakeClock()
    const held = { holderIdentity: 'dead', leaseDurationSeconds: 15, leaseTransitions: 4 }
    server.lease = { metadata: { name: 'l', resourceVersion: '0' }, spec: held } as Lease
    const b = elect(client, clock, 'b')
    await clock.advance(14_900)
    assert.equal(b.state.leading, false)
    await clock.advance(3_000)
    assert.equal(b.state.leading, true)
    assert.equal(server.lease?.spec?.leaseTransitions, 5)
  })

  it('gives up before anybody else may lead when it cannot renew', async () => {
    const { server, client } = aLeaseServer()
    const clock = new FakeClock()
    const a = elect(client, clock, 'a')
    await clock.advance(10_000)
    server.down = true
    await clock.advance(13_000)
    assert.equal(a.state.leading, false)
    assert.ok(a.state.outcome instanceof LeadershipLostError)
  })

  it('leads on through a failure shorter than the deadline', async () => {
    const { server, client } = aLeaseServer()
    const clock = new FakeClock()
    const a = elect(client, clock, 'a')
    await clock.advance(10_000)
    server.down = true
    await clock.advance(7_000)
    server.down = false
    await clock.advance(60_000)
    assert.deepEqual([a.state.leading, a.state.outcome], [true, 'running'])
  })

  it('notices that somebody else took the lease', async () => {
    const { server, client } = aLeaseServer()
    const clock = new FakeClock()
    const a = elect(client, clock, 'a')
    await clock.advance(4_000)
    const spec = { holderIdentity: 'thief', leaseDurationSeconds: 3600 }
    server.lease = { metadata: { name: 'l', resourceVersion: '999' }, spec } as Lease
    await clock.advance(14_000)
    assert.ok(a.state.outcome instanceof LeadershipLostError)
    assert.equal(server.lease?.spec?.holderIdentity, 'thief')
  })

  it('releases the lease when it is stopped, so that the next one leads at once', async () => {
    const { client } = aLeaseServer()
    const clock = new FakeClock()
    const [a, b] = [elect(client, clock, 'a'), elect(client, clock, 'b')]
    await clock.advance(5_000)
    a.stop.abort()
    await a.done
    assert.equal(a.state.outcome, 'ended')
    await clock.advance(2_500)
    assert.equal(b.state.leading, true)
  })
})
