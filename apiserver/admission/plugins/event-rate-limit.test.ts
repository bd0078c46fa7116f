import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { KubeObject } from '../../../api/types.ts'
import { realClock } from '../../../component-base/clock.ts'
import { type AdmissionFixture, createAdmissionFixture, type TestRequest } from '../admission-fixture.ts'
import { eventRateLimit } from './event-rate-limit.ts'

let fixture: AdmissionFixture
before(async () => {
  fixture = await createAdmissionFixture()
})
after(() => fixture[Symbol.dispose]())

const config = (...limits: object[]) => ({
  value: { apiVersion: 'eventratelimit.admission.k8s.io/v1alpha1', kind: 'Configuration', limits },
  duplicates: [],
})

const anEvent = (namespace: string, component: string, name: string): KubeObject => ({
  metadata: { name: 'e', namespace },
  source: { component },
  involvedObject: { kind: 'Pod', namespace, name },
})

const setUp = (...limits: object[]) => {
  let now = 0
  const plugin = eventRateLimit(config(...limits), { ...realClock, now: () => now })
  return {
    advance: (ms: number) => (now += ms),
    send: (object = anEvent('ns', 'c', 'p'), more: Partial<TestRequest> = {}) =>
      fixture.refusal(plugin, { resource: 'events', object, ...more }),
  }
}

describe('EventRateLimit', () => {
  it('lets a burst through, and then as many as the rate has', async () => {
    const { send, advance } = setUp({ type: 'Server', qps: 2, burst: 3 })
    const says = 'Too many requests: Too many requests: limit reached on type Server for key '
    assert.deepEqual([await send(), await send(), await send(), await send()], ['', '', '', says])
    advance(500)
    assert.deepEqual([await send(), await send()], ['', says])
    advance(60_000)
    assert.deepEqual([await send(), await send(), await send(), await send()], ['', '', '', says])
  })

  it('counts by namespace, user, or source and object', async () => {
    const one = { qps: 1, burst: 1 }
    const namespaces = setUp({ type: 'Namespace', ...one })
    assert.equal(await namespaces.send(), '')
    assert.match(await namespaces.send(), /limit reached on type Namespace for key ns$/)
    assert.equal(await namespaces.send(anEvent('other', 'c', 'p')), '')
    const users = setUp({ type: 'User', ...one })
    assert.equal(await users.send(undefined, { user: { name: 'a' } }), '')
    assert.match(await users.send(undefined, { user: { name: 'a' } }), /type User for key a$/)
    assert.equal(await users.send(undefined, { user: { name: 'b' } }), '')
    const sources = setUp({ type: 'SourceAndObject', ...one })
    assert.equal(await sources.send(), '')
    assert.match(await sources.send(), /type SourceAndObject for key cPodnsp$/)
    assert.equal(await sources.send(anEvent('ns', 'c', 'q')), '')
  })

  it('says every limit that is reached', async () => {
    const { send } = setUp({ type: 'Server', qps: 1, burst: 1 }, { type: 'Namespace', qps: 1, burst: 1 })
    await send()
    assert.equal(
      await send(),
      'Too many requests: [Too many requests: limit reached on type Server for key , Too many requests: limit reached on type Namespace for key ns]',
    )
  })

  it('forgets the key that was used longest ago when its cache is full', async () => {
    const { send } = setUp({ type: 'Namespace', qps: 1, burst: 1, cacheSize: 2 })
    for (const namespace of ['a', 'b', 'c', 'a']) assert.equal(await send(anEvent(namespace, 'c', 'p')), '')
    assert.notEqual(await send(anEvent('c', 'c', 'p')), '')
  })

  it('leaves dry runs and other kinds alone', async () => {
    const { send } = setUp({ type: 'Server', qps: 1, burst: 1 })
    for (let i = 0; i < 3; i++) assert.equal(await send(undefined, { dryRun: true }), '')
    for (let i = 0; i < 3; i++) assert.equal(await send(undefined, { resource: 'configmaps' }), '')
    assert.equal(await send(), '')
  })

  it('is not started without limits, or with bad ones', () => {
    const bad =
      (...limits: object[]) =>
      () =>
        setUp(...limits)
    assert.throws(bad(), /limits: Invalid value: .*: must not be empty/)
    assert.throws(
      bad({ type: 'X', qps: 0, burst: 1 }),
      /limits\[0\]\.type: Unsupported value: "X".*limits\[0\]\.qps: Invalid value: 0: must be positive/,
    )
    assert.throws(
      bad({ type: 'User', qps: 1, burst: 1, cacheSize: -1 }),
      /limits\[0\]\.cacheSize: Invalid value: -1: must not be negative/,
    )
    assert.throws(() => eventRateLimit(undefined, realClock), /must not be empty/)
  })
})
